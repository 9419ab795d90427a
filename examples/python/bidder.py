"""A bidder that asks before it answers, with stock grpcio: what a client of the sidecar should look like.

It answers OpenRTB bid requests over HTTP. One of its two campaigns has a template that was never filled in, so that
there is something to cut. What matters is in Sidecar: one channel for all calls, a deadline on each, and what becomes of
bids without a verdict, which the owner of the bidder decides and not the moment.

    pip install --requirement examples/python/requirements.txt
    python examples/python/bidder.py --sidecar 127.0.0.1:50051 --unjudged drop
    curl -d '{ "id": "r1", "imp": [{ "id": "1", "bidfloor": 0.5 }], "tmax": 250 }' 127.0.0.1:9090
"""

import argparse
import json
import pathlib
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

# The contract, compiled as it is imported. A bidder that is built would ship what grpcio-tools generates.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
messages, services = grpc.protos_and_services("bidgate/v1/bidgate.proto")

# Names and advertiser domains. The second would have been filled in by a template.
CAMPAIGNS = [("boots", "juniper-outdoor.com"), ("template", "${ADVERTISER_DOMAIN}")]
REQUEST_BYTES_MAX = 512 << 10
# Left alone, grpcio waits up to two minutes before it connects again.
CHANNEL = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]


def main():
    options = arguments()
    host, port = options.listen.rsplit(":", 1)
    with grpc.insecure_channel(options.sidecar, CHANNEL) as channel:
        Bidder.sidecar = Sidecar(channel, options)
        server = Server((host, int(port)), Bidder)
        # From another thread: a server cannot wait for its own end.
        end = threading.Thread(target=server.shutdown)
        signal.signal(signal.SIGTERM, lambda *_: end.start())
        server.serve_forever(poll_interval=0.1)
        # What was asked is answered still. In a pod the sidecar is told to end after the bidder has.
        server.server_close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sidecar", default="unix:/run/bidgate/bidgate.sock", help="unix:/path or host:port")
    parser.add_argument("--listen", default="127.0.0.1:9090", help="where bid requests are answered")
    # Fail closed, and an auction is lost; fail open, and a bad bid may be sent.
    parser.add_argument("--unjudged", choices=["drop", "send"], default="drop", help="bids that have no verdict")
    parser.add_argument("--patience-ms", type=float, default=20, help="how long a bid waits for its verdict, at most")
    return parser.parse_args()


class Sidecar:
    """The sidecar as its caller sees it."""

    def __init__(self, channel, options):
        # All calls share the channel: HTTP/2 carries them side by side. It connects with the first call, and again by
        # itself when the sidecar was restarted.
        self.stub = services.BidGateServiceStub(channel)
        self.patience_s = options.patience_ms / 1000
        self.unjudged = options.unjudged

    def judge(self, auction, bid_response):
        """What may be sent to the exchange; empty is HTTP 204, a no-bid."""
        try:
            reply = self.ask(auction, bid_response)
        except grpc.RpcError as error:
            return self.without_verdict(bid_response, f"{error.code()}: {error.details()}")
        if reply.verdict == messages.VERDICT_NOT_EVALUATED:
            return self.without_verdict(bid_response, "the auction's time was all but gone")
        for bid in reply.bids:
            if not bid.passed:
                lost(bid)
        return reply.filtered_response

    def ask(self, auction, bid_response):
        """One call. The deadline goes with it, so neither side works on an answer that comes too late."""
        elapsed_s = auction.elapsed_s()
        call = messages.EvaluateRequest(
            agent_id="example-bidder",
            tool="example-exchange",
            bid_request=auction.request,
            bid_response=bid_response,
            elapsed_us=int(elapsed_s * 1e6),
            want_filtered_response=True,
        )
        return self.stub.Evaluate(call, timeout=min(self.patience_s, max(auction.tmax_s - elapsed_s, 0)))

    def without_verdict(self, bid_response, cause):
        say(f"unjudged, {self.unjudged}: {cause}")
        return bid_response if self.unjudged == "send" else b""


def lost(bid):
    """A bid that does not go out. This is where a bidder gives back the budget that it had set aside, counts the loss
    under its OpenRTB code, and pauses a creative that is rejected again and again."""
    say(f"lost: bid {bid.bid_id!r} on imp {bid.impid!r}: {bid.primary_reason}, loss reason {bid.loss_reason}")


class Auction:
    """A bid request, and since when its time has run."""

    def __init__(self, request, arrived_s):
        self.request = request
        self.arrived_s = arrived_s
        offer = json.loads(request)
        self.id = offer["id"]
        self.imps = [(imp["id"], imp.get("bidfloor", 0)) for imp in offer["imp"]]
        self.tmax_s = offer.get("tmax", float("inf")) / 1000

    def elapsed_s(self):
        return time.monotonic() - self.arrived_s

    def bid_response(self):
        """Two bids on every imp, one of each campaign."""
        bids = [
            {"id": name, "impid": imp, "price": floor + 0.1, "adomain": [domain], "crid": name}
            for imp, floor in self.imps
            for name, domain in CAMPAIGNS
        ]
        return json.dumps({"id": self.id, "seatbid": [{"seat": "example", "bid": bids}]}).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the answers under way


class Bidder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    sidecar = None

    def do_GET(self):
        self.answer(200, b"serving\n")

    def do_POST(self):
        arrived_s = time.monotonic()
        length = int(self.headers.get("content-length", 0))
        if length > REQUEST_BYTES_MAX:
            self.close_connection = True
            return self.answer(400)
        try:
            auction = Auction(self.rfile.read(length), arrived_s)
        except (ValueError, LookupError, TypeError, AttributeError):
            return self.answer(204)
        sent = self.sidecar.judge(auction, auction.bid_response())
        self.answer(200 if sent else 204, sent)

    def answer(self, status, body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """One line an auction is too much."""


def say(line):
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
