"""Runs two sidecars under load, has a Prometheus scrape them, and asks it every question of the dashboard and of the rules.

usage: live.py BIDGATE LOADTEST
"""

import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time

from dashboard import Dashboard
from prometheus import Prometheus, numbers
from sidecar import POLICY, Doors, Sidecar

ROOT = pathlib.Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "k8s" / "observability"
ROUNDS = 8
LOAD_S = 40
SEEN_S = 30  # how far back panels look

# What happens here must show, and what does not must not. Every alert waits before it fires: it is pending.
RAISED = {
    "BidgateBudgetOverruns",
    "BidgateNotEvaluated",
    "BidgateShedding",
    "BidgateInFlightNearMax",
    "BidgateConnectionsRefused",
    "BidgateUnreadableCalls",
    "BidgatePolicyRefused",
    "BidgatePoliciesDiffer",
    "BidgateTelemetryLoss",
    "BidgateOtlpFailing",
}
QUIET = {
    "BidgateCertificateEnds",
    "BidgateDown",
    "BidgateAbsent",
    "BidgateRestarting",
    "BidgateFilesNearMax",
    "BidgateFilesFailing",
    "BidgateUnreadReplies",
    "BidgateCertificateRefused",
    "BidgatePanics",
    "BidgateThreadLost",
}
# Queries that may be 0 all the time; the others must show that something happens.
STILL = {
    "Alerts (A)",  # none fires within its wait
    "Log lines left out (A)",  # few are alike
    "Files (B)",  # the disk has room
    "Files (C)",  # and so has the folder
    "Refused calls (D)",  # callers read their replies
    "Restarts (A)",  # nobody restarts
    "Panics (A)",  # nor panics
    "Panics (B)",  # so that every thread is at work
    "Certificate reloads (B)",  # what is renewed fits
}


def main(bidgate, loadtest):
    with tempfile.TemporaryDirectory() as scratch, Stage() as stage:
        scratch = pathlib.Path(scratch)
        prometheus, sidecars = stage.start(bidgate, scratch)
        stage.load([loadtest, "run", "--target", sidecars[0].grpc, "--plots", scratch])
        happenings(*sidecars, stage.doors)
        time.sleep(2)
        problems = [
            *panels(prometheus),
            *annotations(prometheus),
            *variables(prometheus),
            *rules(prometheus),
        ]
    for problem in problems:
        print(f"FAILED {problem}")
    print(f"{len(problems)} failed")
    return 1 if problems else 0


class Stage:
    """Every process, to be stopped at the end however that comes."""

    def __init__(self):
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()

    def start(self, bidgate, scratch):
        *ports, nobody, port = free_ports(6)
        first = self.keep(Sidecar(bidgate, scratch / "0", ports[:2], POLICY, to_file(scratch), {}))
        other = {**POLICY, "fail_fast": False}
        lost = to_nobody(scratch, nobody), otlp_to_nobody(nobody)
        self.doors = Doors(scratch)
        doors = self.doors.configuration(f"127.0.0.1:{ports[2]}")
        second = self.keep(Sidecar(bidgate, scratch / "1", ports[2:], other, *lost, doors))
        targets = {"bidder-0": first.admin, "bidder-1": second.admin}
        rules = (OBSERVABILITY / "prometheus-rules.yaml").read_text()
        prometheus = self.keep(Prometheus(scratch, port, targets, hasty(rules)))
        for process in (first, second, prometheus):
            process.await_ready()
        return prometheus, (first, second)

    def load(self, command):
        """Both gRPC methods, in the background."""
        for method in ([], ["--stream"]):
            self.keep(Load([*command, *method]))

    def keep(self, process):
        self.processes.append(process)
        return process


class Load:
    """A few calls a second, in an open loop on one connection."""

    def __init__(self, command):
        pace = ["--rate", "50", "--connections", "1", "--in-flight", "4", "--warm-up", "1ms", "--duration", f"{LOAD_S}s"]
        self.process = subprocess.Popen([*command, *pace], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def to_file(scratch):
    return {"sink": "file", "file": str(scratch / "telemetry"), "max_age_ms": 500}


def to_nobody(scratch, port):
    """A collector that is down: what is not sampled out is lost."""
    key = scratch / "api-key"
    key.write_text(f"pk_live_{secrets.token_urlsafe(32)}")
    return {
        "sink": "http",
        "endpoint": f"http://127.0.0.1:{port}",
        "api_key_file": str(key),
        "sample_rate": 0.5,
        "max_age_ms": 500,
        "flush_timeout_ms": 0,
    }


def otlp_to_nobody(port):
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_TRACES_SAMPLER": "always_on",
    }


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    return [bound.getsockname()[1] for bound in sockets]


def hasty(rules):
    """The rules as they are, but for a past that begins seconds ago instead of minutes."""
    return rules.replace("offset 20m", "offset 5s")


def happenings(first, second, doors):
    for number in range(ROUNDS):
        for sidecar in (first, second):
            sidecar.every_verdict()
            sidecar.every_mode()
            sidecar.overruns()
            sidecar.unreadable()
        # Not the one under load, whose calls would be turned away too.
        second.refuse_connections()
        second.shed()
        second.knock(doors)
        if number == ROUNDS // 2:
            first.load({**POLICY, "timeout_ms": 14})
            doors.renew()
    first.load({"gates": "none"})


def panels(prometheus):
    queries = Dashboard(OBSERVABILITY / "grafana-dashboard.json").queries()
    print(f"{len(queries)} queries of panels")
    for query in queries:
        series = prometheus.instant(query.expression) if query.instant else prometheus.range(query.expression, SEEN_S)
        shown = set(numbers(series))
        if not shown or shown == {0} and query.title not in STILL:
            yield f"{query.title} shows {shown or 'nothing'}: {query.expression}"
        for label in query.legend:
            if not all(one["metric"].get(label) for one in series):
                yield f"{query.title} has a legend without {label}: {query.expression}"


def annotations(prometheus):
    for name, expression in Dashboard(OBSERVABILITY / "grafana-dashboard.json").annotations():
        if not numbers(prometheus.range(expression, SEEN_S)):
            yield f"annotation {name} shows nothing: {expression}"


def variables(prometheus):
    for name, selector, label in Dashboard(OBSERVABILITY / "grafana-dashboard.json").variables():
        if not prometheus.label_values(label, selector):
            yield f"variable {name} has no values"


def rules(prometheus):
    found = prometheus.rules()
    print(f"{len(found)} rules")
    for rule in found:
        if rule["health"] != "ok":
            yield f"{rule['name']} is {rule['health']}: {rule.get('lastError')}"
        elif not numbers(prometheus.instant(without_threshold(rule["query"]))):
            yield f"{rule['name']} has nothing to judge: {rule['query']}"
    alerts = {rule["name"]: rule["state"] for rule in found if rule["type"] == "alerting"}
    for name in RAISED:
        if alerts[name] == "inactive":
            yield f"{name} is silent"
    for name in QUIET:
        if alerts[name] != "inactive":
            yield f"{name} is {alerts[name]}"


def without_threshold(query):
    """What an alert compares, as 0 or 1, so that it has a value on both sides of the threshold."""
    query = re.sub(r"absent\((.+)\)", r"\1", query)
    return re.sub(r" (>|<|==) ", r" \1 bool ", query)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
