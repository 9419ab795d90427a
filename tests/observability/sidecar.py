"""A sidecar of its own on loopback, small enough to be brought to its limits, and everything that can happen to one."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import trustme

START_S = 15
CALL_S = 10
MAX_IN_FLIGHT = 16
MAX_CONNECTIONS = 8
MAX_MESSAGE_BYTES = 1 << 20

POLICY = {
    "gates": [
        {"name": "tmaxGuard"},
        {"name": "impidMatch"},
        {"name": "bidSanity", "mode": "warn"},
        {"name": "adomainVerify", "holdback": 50},
        {"name": "audienceSafety"},
        {"name": "bcatCompliance"},
    ]
}

REQUEST = {"id": "r", "tmax": 250, "imp": [{"id": "1", "bidfloor": 0.5}]}
BID = {"id": "b", "impid": "1", "price": 1.25, "adomain": ["juniper-outdoor.com"], "cat": ["IAB20-12"]}
# Nearly all that a message may hold. Judging it takes longer than the time budget, in a debug build.
MANY_BIDS = [{**BID, "id": f"b-{number}", "adm": '<a href="/">' * 50} for number in range(900)]


class Sidecar:
    """One `bidgate serve` with a policy file, and the way to call it without gRPC."""

    def __init__(self, program, folder, ports, policy, telemetry, environment, doors=None):
        """`doors` are keys of the configuration for who may come in."""
        folder.mkdir()
        self.policy_file = folder / "policy.yaml"
        self.policy_file.write_text(json.dumps(policy))
        self.log = open(folder / "log", "w+")
        self.grpc, self.admin = (f"127.0.0.1:{port}" for port in ports)
        configuration = {
            "listen": [self.grpc],
            "admin": self.admin,
            "rest": True,
            "workers": 1,
            "max_in_flight": MAX_IN_FLIGHT,
            "max_connections": MAX_CONNECTIONS,
            "max_message_bytes": MAX_MESSAGE_BYTES,
            "policy_file": str(self.policy_file),
            "telemetry": telemetry,
            "audit": {"file": str(folder / "audit")},
            **(doors or {}),
        }
        (folder / "bidgate.yaml").write_text(json.dumps(configuration))
        self.process = subprocess.Popen(
            [program, "serve", "--config", folder / "bidgate.yaml"], stderr=self.log, env={**os.environ, **environment}
        )

    def await_ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.get("/health/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.log.seek(0)
        raise RuntimeError(f"the sidecar does not start:\n{self.log.read()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=START_S)
        self.log.close()

    def get(self, path):
        connection = http.client.HTTPConnection(self.admin, timeout=CALL_S)
        connection.request("GET", path)
        return connection.getresponse()

    def post(self, body):
        """The status of a call."""
        connection = http.client.HTTPConnection(self.admin, timeout=CALL_S)
        connection.request("POST", "/v1/evaluate", body, {"content-type": "application/json"})
        return connection.getresponse().status

    def evaluate(self, bids, agent_id="bidder-eu", tool="exchange-a", **fields):
        output = {"id": "r", "seatbid": [{"bid": bids}]} if bids else None
        call = {"agent_id": agent_id, "tool": tool, "input": REQUEST, "output": output, "elapsed_us": 5000, **fields}
        expect(self.post(json.dumps(call)), 200)

    # What can happen to auctions.

    def every_verdict(self):
        for tool in ("exchange-a", "exchange-b"):
            self.evaluate([BID], tool=tool)
            self.evaluate([{**BID, "impid": "2"}], "bidder-us", tool)
        self.evaluate(None)
        self.evaluate([BID], input=5)
        for _ in range(20):
            self.evaluate([BID], elapsed_us=249_000)

    def every_mode(self):
        self.evaluate([{**BID, "price": 5000}])
        for _ in range(8):
            self.evaluate([{**BID, "adomain": ["localhost"]}])

    def overruns(self):
        self.evaluate(MANY_BIDS)

    # What can happen to calls.

    def unreadable(self):
        expect(self.post("["), 400)
        expect(self.post(json.dumps({"agent_id": "a" * 300, "input": REQUEST})), 400)
        expect(self.post(b" " * (MAX_MESSAGE_BYTES + 1)), 413)

    def shed(self):
        """Holds all that may be in flight with calls that do not come to their end, and makes one more."""
        address, port = self.admin.split(":")
        held = [socket.create_connection((address, port), timeout=CALL_S) for _ in range(MAX_IN_FLIGHT)]
        head = f"POST /v1/evaluate HTTP/1.1\r\nhost: {self.admin}\r\ncontent-type: application/json\r\n"
        for call in held:
            call.sendall(f"{head}content-length: 9\r\n\r\n".encode())
        time.sleep(1.5)  # longer than from one scrape to the next
        expect(self.post("{}"), 429)
        for call in held:
            call.close()

    def refuse_connections(self):
        address, port = self.grpc.split(":")
        opened = [socket.create_connection((address, port), timeout=CALL_S) for _ in range(2 * MAX_CONNECTIONS)]
        time.sleep(0.2)
        for connection in opened:
            connection.close()

    # What can happen at the doors.

    def knock(self, doors):
        """Over TLS as one should and without, under a name that is unknown, and as a user who may not come in."""
        address, port = self.grpc.split(":")
        with socket.create_connection((address, port), timeout=CALL_S) as connection:
            doors.trusting().wrap_socket(connection, server_hostname="localhost").close()
        with socket.create_connection((address, port), timeout=CALL_S) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            connection.recv(1)
        stranger = http.client.HTTPConnection(self.admin, timeout=CALL_S)
        stranger.request("GET", "/metrics", headers={"host": "rebound.example"})
        expect(stranger.getresponse().status, 421)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(doors.socket))
            expect(connection.recv(1), b"")

    # What can happen to the policy.

    def load(self, policy):
        self.policy_file.write_text(json.dumps(policy))
        self.process.send_signal(signal.SIGHUP)


class Doors:
    """TLS on TCP, and a Unix socket for nobody who is here."""

    def __init__(self, folder):
        self.authority = trustme.CA()
        self.certificate, self.socket = folder / "server.pem", folder / "bidgate.sock"
        self.renew()

    def renew(self):
        self.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(self.certificate)

    def trusting(self):
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.set_alpn_protocols(["h2"])
        return context

    def configuration(self, grpc):
        """Certificate and key are in one file, which does for both."""
        return {
            "listen": [grpc, f"unix://{self.socket}"],
            "unix_allowed_uids": [os.getuid() + 1],
            "tls": {"cert_file": str(self.certificate), "key_file": str(self.certificate)},
        }


def expect(status, expected):
    if status != expected:
        raise AssertionError(f"answered {status}, not {expected}")
