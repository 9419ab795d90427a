"""Verifies what a sidecar posts with Python's hmac and with the library of Standard Webhooks: the lines of the manual.

usage: verify.py BIDGATE        the program to run
"""

import contextlib
import datetime
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request

from standardwebhooks import Webhook, WebhookVerificationError

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs" / "telemetry.md"
API_KEY = "pk_live_0123456789abcdefghijABCDEFGHIJ_-"
SECRET = "sk_live_0123456789abcdefghijABCDEFGHIJ_-"
CALLS = 25
PATIENCE_S = 20


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    manual = lines_of_the_manual()
    outcomes = []
    for compression in ["none", "gzip", "zstd"]:
        posts = captured(arguments[0], compression)
        checks = [check for check in CHECKS if compression == "none" or check not in NEEDS_TEXT]
        outcomes += [attempt(check, compression, manual, posts) for check in checks]
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


def lines_of_the_manual():
    """The functions that the manual shows, as a reader would copy them."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL):
        exec(block, names)
    return names


def attempt(check, compression, manual, posts):
    name = f"compression {compression}: {check.__name__}"
    try:
        check(manual, posts)
    except Exception:
        print(f"FAILED {name}\n{traceback.format_exc()}")
        return False
    print(f"ok     {name}")
    return True


# What holds for every post.


def every_post_is_verified_by_hmac(manual, posts):
    for body, headers in posts:
        manual["verify"](body, headers, SECRET)


def a_byte_of_the_body_changes_everything(manual, posts):
    body, headers = posts[0]
    for at in [0, len(body) // 2, len(body) - 1]:
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        refused(ValueError, manual["verify"], changed, headers, SECRET)


def another_id_time_or_key_is_refused(manual, posts):
    (body, headers), (_, others) = posts[0], posts[1]
    assert headers["webhook-id"] != others["webhook-id"]
    for name, value in [("webhook-id", others["webhook-id"]), ("webhook-timestamp", str(int(time.time()) - 1000))]:
        refused(ValueError, manual["verify"], body, {**headers, name: value}, SECRET)
    refused(ValueError, manual["verify"], body, headers, SECRET[:-1])


def ids_are_those_of_the_batches(_, posts):
    for body, headers in posts:
        assert headers["authorization"] == f"Bearer {API_KEY}"
        if "content-encoding" not in headers:
            assert headers["webhook-id"] == json.loads(body)["batch_id"]


def every_post_is_verified_by_the_library(manual, posts):
    for body, headers in posts:
        assert manual["verify_by_library"](body, headers, SECRET) == json.loads(body)


def the_library_refuses_what_was_changed(manual, posts):
    (body, headers), (other_body, others) = posts[0], posts[1]
    verify = manual["verify_by_library"]
    for changed_body, changed in [
        (body.replace(b'"seq"', b'"sep"'), {}),
        (other_body, {}),
        (body, {"webhook-id": others["webhook-id"]}),
        (body, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
        (body, {"webhook-signature": others["webhook-signature"]}),
    ]:
        refused(WebhookVerificationError, verify, changed_body, {**headers, **changed}, SECRET)


def the_library_refuses_an_old_time(_, posts):
    """Signed as it should be, but long ago: what a captured post becomes."""
    body, headers = posts[0]
    library = Webhook(SECRET.encode())
    old = str(int(time.time()) - 301)
    stamped = {"webhook-id": headers["webhook-id"], "webhook-timestamp": old}
    stamped["webhook-signature"] = library_signature(body, stamped)
    refused(WebhookVerificationError, library.verify, body, stamped)


CHECKS = [
    every_post_is_verified_by_hmac,
    a_byte_of_the_body_changes_everything,
    another_id_time_or_key_is_refused,
    ids_are_those_of_the_batches,
    every_post_is_verified_by_the_library,
    the_library_refuses_what_was_changed,
    the_library_refuses_an_old_time,
]
NEEDS_TEXT = CHECKS[4:]


def refused(error, verify, *arguments):
    try:
        verify(*arguments)
    except error:
        return
    raise AssertionError("what was changed is believed")


def library_signature(body, headers):
    at = datetime.datetime.fromtimestamp(int(headers["webhook-timestamp"]), datetime.timezone.utc)
    return Webhook(SECRET.encode()).sign(headers["webhook-id"], at, body.decode())


# The sidecar, and what it posts.


def captured(bidgate, compression):
    """The posts of a sidecar that had some auctions to judge: each the bytes of its body, and its headers."""
    posts = []
    with collector(posts) as endpoint, sidecar(bidgate, endpoint, compression) as admin:
        for _ in range(CALLS):
            evaluate(admin)
        deadline = time.monotonic() + PATIENCE_S
        while len(posts) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(posts) >= 3, f"{len(posts)} posts"
    return posts


@contextlib.contextmanager
def collector(posts):
    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.append((body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def sidecar(bidgate, endpoint, compression):
    grpc, admin = free_ports(2)
    settings = {
        "listen": f"127.0.0.1:{grpc}",
        "admin": f"127.0.0.1:{admin}",
        "rest": "true",
        "log-level": "error",
        "shutdown-drain-delay-ms": "0",
        "telemetry-sink": "http",
        "telemetry-endpoint": endpoint,
        "telemetry-hmac": "true",
        "telemetry-compression": compression,
        "telemetry-max-events": "10",
        "telemetry-max-age-ms": "200",
    }
    keys = {"BIDGATE_TELEMETRY_API_KEY": API_KEY, "BIDGATE_TELEMETRY_SECRET_KEY": SECRET}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen([bidgate, "serve", *flags], env={**os.environ, **keys})
    try:
        await_ready(process, admin)
        yield admin
    finally:
        process.terminate()
        status = process.wait(PATIENCE_S)
    assert status == 0, f"the sidecar ended with {status}"


def await_ready(process, admin):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/health/ready", timeout=1)
            return
        time.sleep(0.05)
    raise AssertionError("the sidecar is not ready")


def evaluate(admin):
    call = {"agent_id": "bidder", "tool": "exchange", "input": {"id": "r", "imp": [{"id": "1"}]}, "output": {"id": "r"}}
    request = urllib.request.Request(
        f"http://127.0.0.1:{admin}/v1/evaluate",
        json.dumps(call).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        assert reply.status == 200


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
