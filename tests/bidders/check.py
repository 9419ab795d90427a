"""The example bidders before a sidecar that judges, stands still, is gone and comes back.

usage: check.py BIDGATE BIDDER...       each bidder a program, or a Python file, with the options of examples/bidder.rs
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

START_S = 30
AUCTION = {"id": "r", "tmax": 60000, "imp": [{"id": "1", "bidfloor": 0.5}]}
EVERY_BID, GOOD_BIDS, NO_BID = ["boots", "template"], ["boots"], None
CALLS, AT_A_TIME = 64, 8
# In a stalled minute of a busy machine a bid may wait this long; with a sidecar that stands still all of it is waited.
PATIENCE_S = 5


def main(bidgate, bidders):
    failures = 0
    for bidder in bidders:
        for transport in ("unix", "tcp"):
            for unjudged, without_verdict in {"drop": NO_BID, "send": EVERY_BID}.items():
                name = f"{pathlib.Path(bidder).name} over {transport}, {unjudged}"
                try:
                    story(bidgate, bidder, transport, unjudged, without_verdict)
                    print(f"ok     {name}")
                except AssertionError as error:
                    failures += 1
                    print(f"FAILED {name}: {error}")
    return 1 if failures else 0


def story(bidgate, bidder, transport, unjudged, without_verdict):
    with tempfile.TemporaryDirectory() as scratch, Stage(pathlib.Path(scratch), bidgate, bidder, transport) as stage:
        stage.start_bidder(unjudged)
        equal(stage.sent(), without_verdict, "before the sidecar is there")
        stage.start_sidecar()
        stage.await_sent(GOOD_BIDS, "with a sidecar")
        equal(stage.sent(tmax=3), without_verdict, "too late to ask")
        equal(stage.sent(imp="none"), NO_BID, "what is no bid request")
        with ThreadPoolExecutor(AT_A_TIME) as callers:
            equal(list(callers.map(lambda _: stage.sent(), range(CALLS))), [GOOD_BIDS] * CALLS, "side by side")
        equal(stage.connections(), 1, "connections to the sidecar")
        stage.stop_sidecar()
        began = time.monotonic()
        equal(stage.sent(), without_verdict, "with a sidecar that stands still")
        waited_s = time.monotonic() - began
        equal(PATIENCE_S <= waited_s < 3 * PATIENCE_S, True, f"waited {waited_s:.1f} s for it")
        stage.sidecar.send_signal(signal.SIGCONT)
        stage.await_sent(GOOD_BIDS, "when it goes on")
        stage.kill_sidecar()
        equal(stage.sent(), without_verdict, "when it was killed")
        stage.start_sidecar()
        stage.await_sent(GOOD_BIDS, "when it is back")
        stage.bidder.send_signal(signal.SIGTERM)
        equal(stage.bidder.wait(START_S), 0, "the exit code of the bidder")
        equal("template" in stage.said() and "adomain_" in stage.said(), True, "the lost bid is told")


class Stage:
    def __init__(self, scratch, bidgate, bidder, transport):
        self.bidgate = bidgate
        self.command = [sys.executable, bidder] if bidder.endswith(".py") else [bidder]
        self.scratch = scratch
        grpc, self.admin, self.port = free_ports(3)
        socket_file = scratch / "bidgate.sock"
        self.listen = f"unix://{socket_file}" if transport == "unix" else f"127.0.0.1:{grpc}"
        # Each as its gRPC library writes it.
        if transport == "unix":
            self.address = f"unix:{socket_file}" if bidder.endswith(".py") else self.listen
        else:
            self.address = self.listen if bidder.endswith(".py") else f"http://{self.listen}"
        self.sidecar = self.bidder = None

    def __enter__(self):
        self.log = open(self.scratch / "log", "w+")
        return self

    def __exit__(self, *_):
        for process in (self.sidecar, self.bidder):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()

    def start_sidecar(self):
        arguments = ["--listen", self.listen, "--admin", f"127.0.0.1:{self.admin}", "--policy-timeout-ms", "5000"]
        self.sidecar = self.start([self.bidgate, "serve", *arguments])
        self.await_true(lambda: self.get(self.admin, "/health/ready").status == 200, "the sidecar starts")

    def start_bidder(self, unjudged):
        arguments = ["--sidecar", self.address, "--listen", f"127.0.0.1:{self.port}", "--unjudged", unjudged]
        self.bidder = self.start([*self.command, *arguments, "--patience-ms", str(PATIENCE_S * 1000)])
        self.await_true(lambda: self.get(self.port, "/").status == 200, "the bidder starts")

    def start(self, command):
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, "NO_PROXY": "*"})

    def stop_sidecar(self):
        """All its threads stand still, which takes a moment."""
        self.sidecar.send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.sidecar.pid}/task")
        still = lambda: all("\nState:\tT" in (task / "status").read_text() for task in tasks.iterdir())
        self.await_true(still, "the sidecar stands still")

    def kill_sidecar(self):
        self.sidecar.kill()
        self.sidecar.wait()

    def sent(self, **changes):
        """The bids that the exchange gets."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        connection.request("POST", "/", json.dumps({**AUCTION, **changes}))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status == 204:
            return NO_BID
        return [bid["id"] for seatbid in json.loads(body)["seatbid"] for bid in seatbid["bid"]]

    def await_sent(self, bids, when):
        self.await_true(lambda: self.sent() == bids, f"{bids} {when}")

    def await_true(self, condition, what):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not in {START_S} s: {what}\n{self.said()}")

    def get(self, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.body = answer.read().decode()
        connection.close()
        return answer

    def connections(self):
        lines = self.get(self.admin, "/metrics").body.splitlines()
        [line] = [line for line in lines if line.startswith("bidgate_connections_open ")]
        return int(line.split()[1])

    def said(self):
        self.log.flush()
        return (self.scratch / "log").read_text()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} is not {expected!r}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
