"""Runs what `image/build` made as a container would: alone in an empty root, by a user without rights.

usage: unshare --net --mount --pid --fork --kill-child check.py IMAGE PYTHON PROFILE [QEMU]

IMAGE is the folder that becomes the image, PYTHON an interpreter that has tests/stock_client/requirements.txt, PROFILE
the seccomp profile of container engines, QEMU qemu-x86_64: with it the program also runs on the oldest such processor.
"""

import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from collector import BY_DNS, BY_HOSTS, Collector
from container import BIDDER, ROOT, SOCKET, STRANGER, USER, Container, Image, equal, has_interpreter, raise_loopback
from engine import Engine

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
CONTENTS = {"bidgate", CERTIFICATES}
PATIENT = {"BIDGATE_POLICY_TIMEOUT_MS": "1000"}
BOTH = {"BIDGATE_LISTEN": f"127.0.0.1:50051,{SOCKET}"}
DELIVERED_S = 15


def main(files, python, profile, qemu=None):
    raise_loopback()
    image = Image(pathlib.Path(files).resolve())
    checks = [
        ("it holds one static program and certificates", lambda _: contents(image)),
        ("it serves over TCP and a Unix socket, without rights", lambda folder: serves(image, folder, python)),
        ("it serves under an OCI runtime, with the seccomp profile of engines", lambda at: engine(image, at, profile)),
        ("the socket is the bidder's and nobody else's", lambda folder: socket_mode(image, folder)),
        ("it drains: alive, and not ready", lambda folder: drains(image, folder)),
        ("names and certificates are found", lambda folder: reaches_a_collector(image, folder)),
        ("it says that it trusts nobody", lambda folder: trusts_nobody(image, folder)),
    ]
    if qemu:
        checks.append(("it runs on any x86-64", lambda _: any_processor(image, qemu)))
    for name, check in checks:
        with tempfile.TemporaryDirectory() as folder:
            check(pathlib.Path(folder))
        print(f"ok     {name}")


def contents(image):
    equal(image.base, "scratch", "the last stage")
    equal(image.contents(), CONTENTS, "files of the image")
    equal(has_interpreter(image.files / "bidgate"), False, "a dynamic loader is needed")


def serves(image, folder, python):
    with Container(image, folder) as container:
        container.start(**BOTH, **PATIENT)
        equal(set(container.status("Uid")), {str(USER)}, "its user")
        equal(container.status("CapEff"), ["0" * 16], "its capabilities")
        equal(container.status("NoNewPrivs"), ["1"], "whether it can get others")
        socket = container.root / "run/bidgate/bidgate.sock"
        # The calls of any stock client, from outside.
        subprocess.run([python, ROOT / "tests/stock_client/client.py", "127.0.0.1:50051", f"unix:{socket}"], check=True)
        equal(container.run(["/bidgate", "healthcheck", "--address", SOCKET]), 0, "its check of the socket")
        container.stop()
        equal(socket.exists(), False, "the socket is left")


def engine(image, folder, profile):
    with Engine(image, folder, profile) as running:
        running.start(BIDGATE_REST="true", **BOTH)
        expected = {"Uid": str(USER), "CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
        equal({key: running.status(key) for key in expected}, expected, "its state")
        equal(running.run(["/bidgate", "healthcheck", "--address", SOCKET]), 0, "its check of the socket")
        judge_one()
        running.stop()


def socket_mode(image, folder):
    beside = ["/bidgate", "healthcheck", "--address", "unix:///beside/bidgate.sock"]
    with Container(image, folder) as container:
        container.start(**BOTH)
        equal(container.run(beside, BIDDER, [USER]), 0, "the bidder, by the group of the pod")
        equal(container.run(beside, STRANGER), 1, "somebody of another group")
        container.stop()


def drains(image, folder):
    ready = ["/bidgate", "healthcheck", "--admin", "127.0.0.1:8080"]
    with Container(image, folder) as container:
        container.start(BIDGATE_SHUTDOWN_DRAIN_DELAY_MS="3000")
        equal((container.run(ready), container.run([*ready, "--live"])), (0, 0), "ready and alive")
        container.process.terminate()
        while container.run(ready) == 0:
            pass
        equal(container.process.poll(), None, "it has ended")
        equal(container.run([*ready, "--live"]), 0, "alive while it drains")
        container.stop()


def reaches_a_collector(image, folder):
    collector = Collector(folder)
    trusted = (image.files / CERTIFICATES).read_text()
    pod = {"etc/resolv.conf": "nameserver 127.0.0.1\n", "etc/hosts": f"127.0.0.1 localhost {BY_HOSTS}\n"}
    pod["etc/bidgate/api_key"] = "pk_live_0123456789abcdef"
    for name in (BY_DNS, BY_HOSTS):
        files = {**pod, CERTIFICATES: trusted + collector.ca}
        equal(delivers(image, fresh(folder, name), files, name, collector), True, f"records arrive at {name}")
    equal(collector.posts, [(BY_DNS, "/v1/ingest"), (BY_HOSTS, "/v1/ingest")], "what was posted")
    equal(set(collector.questions), {BY_DNS}, "names that DNS was asked for: what the hosts file says comes first")
    equal(collector.alerts, [], "what went wrong")
    # The certificates that are in the image are read, and know nothing of this collector.
    equal(delivers(image, fresh(folder, "untrusted"), pod, BY_DNS, collector), False, "records arrive without trust")
    equal(["UNKNOWN_CA" in alert for alert in collector.alerts], [True], f"why not: {collector.alerts}")


def delivers(image, folder, files, name, collector):
    variables = {
        "BIDGATE_TELEMETRY_SINK": "http",
        "BIDGATE_TELEMETRY_ENDPOINT": f"https://{name}",
        "BIDGATE_TELEMETRY_API_KEY_FILE": "/etc/bidgate/api_key",
        "BIDGATE_TELEMETRY_RETRIES": "0",
        "BIDGATE_REST": "true",
    }
    with Container(image, folder, files) as container:
        container.start(**variables)
        judge_one()
        # What is left is delivered at the end.
        container.stop()
        return collector.await_post(DELIVERED_S if collector.ca in files.get(CERTIFICATES, "") else 0)


def judge_one():
    call = {"agent_id": "image", "input": {"id": "r", "imp": [{"id": "1"}]}, "output": None}
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=DELIVERED_S)
    connection.request("POST", "/v1/evaluate", json.dumps(call), {"content-type": "application/json"})
    equal(connection.getresponse().status, 200, "one auction is judged")


def trusts_nobody(image, folder):
    with Container(image, folder, {CERTIFICATES: "", "etc/bidgate/api_key": "pk_live_0123456789abcdef"}) as container:
        said = container.refuses(
            BIDGATE_TELEMETRY_SINK="http",
            BIDGATE_TELEMETRY_ENDPOINT=f"https://{BY_DNS}",
            BIDGATE_TELEMETRY_API_KEY_FILE="/etc/bidgate/api_key",
        )
        equal("trusts nobody" in said, True, said)


def any_processor(image, qemu):
    """The same auctions on a processor from 2003, on the newest that qemu knows, and on this one."""
    runs = [[], [qemu, "-cpu", "qemu64"], [qemu, "-cpu", "max"]]
    answers = [judged([*emulator, image.files / "bidgate"]) for emulator in runs]
    equal(answers[1], answers[0], "what the oldest processor answers")
    equal(answers[2], answers[0], "what the newest does")
    equal("VERDICT_FAIL" in answers[0] or "FAIL" in answers[0], True, answers[0])


def judged(program):
    """Verdicts without measurements."""
    auction = ROOT / "examples/auction"
    arguments = ["check", auction / "request.json", auction / "response.json", "--elapsed-us", "42000"]
    said = subprocess.run([*program, *arguments], capture_output=True, text=True)
    equal(said.returncode, 1, f"the exit code of {program}: {said.stderr}")
    return re.sub(r" *\d+\.\d{3}( us)?", "", said.stdout)


def fresh(folder, name):
    made = folder / name
    made.mkdir()
    return made


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
