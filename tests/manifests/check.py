"""Looks at every manifest of k8s/, then runs what they describe.

usage: check.py BIDGATE BIDDER      the debug builds of the sidecar and of the example bidder

kubectl, on the path, composes the manifests. Each must be what the OpenAPI of several Kubernetes versions says, agree
with the others, and hold a configuration that the sidecar itself accepts. Then the pod comes to life from processes.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import rules
import settings
from cluster import K8S, builds, containers, pods
from mutations import MISTAKES, mutated
from pod import Pod

AUCTION = json.dumps({"id": "r", "tmax": 60000, "imp": [{"id": "1", "bidfloor": 0.5}]})
# The bids of examples/bidder.rs; gates that enforce let one of them out.
EVERY_BID, GOOD_BIDS = ["boots", "template"], ["boots"]
LOADED_S = 30


def main(bidgate, bidder):
    programs = {"bidgate": bidgate, "bidgate-example-bidder": bidder}
    found = [f"k8s/{problem}" for problem in rules.files()]
    with tempfile.TemporaryDirectory(prefix="k8s") as scratch:
        for name, manifests in builds(pathlib.Path(scratch)):
            complaints = problems(manifests, programs)
            found += [f"{name}: {complaint}" for complaint in complaints]
            if not complaints:
                for template in pods(manifests):
                    live(name, template, manifests, programs)
            print(f"{'FAILED' if complaints else 'ok    '} {name}: {len(manifests)} manifests")
            if name in MISTAKES:
                found += overlooked(manifests, programs, MISTAKES[name])
    for problem in found:
        print(f"FAILED {problem}")
    return 1 if found else 0


def problems(manifests, programs, versions=None):
    found = [*rules.schema(manifests, versions), *rules.references(manifests), *rules.closed(manifests)]
    if found:
        return found
    for template in pods(manifests):
        with tempfile.TemporaryDirectory(prefix="pod") as scratch:
            with Pod(template, manifests, programs, pathlib.Path(scratch)) as pod:
                found += settings.problems(pod)
    return found


def overlooked(manifests, programs, mutations):
    """Mutations that nothing complains of."""
    count = 0
    for name, mutation in mutations():
        count += 1
        if not problems(mutated(manifests, mutation), programs, rules.VERSIONS[-1:]):
            yield f"nothing complains of {name}"
    print(f"       {count} mistakes were made in it")


def live(name, template, manifests, programs):
    """The pod starts, judges, takes a change of its policy without a restart, and ends in time."""
    with tempfile.TemporaryDirectory(prefix="pod") as scratch:
        with Pod(template, manifests, programs, pathlib.Path(scratch)) as pod:
            pod.begin()
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                equal(pod.probe("bidgate", kind), True)
            enforced = "mode: warn" not in rules.policy_of(manifests)
            equal(sent(pod), GOOD_BIDS if enforced else EVERY_BID)
            if not enforced:
                enforcing = (K8S / "components/enforce/policy.yaml").read_text()
                pod.change_policy(enforcing)
                await_bids(pod, GOOD_BIDS)
            audit = settings.audit_file(settings.effective(pod)[0])
            allowed_s = template["spec"]["terminationGracePeriodSeconds"]
            took_s = pod.end()
            equal(took_s < allowed_s, True)
            if audit:
                equal(verified(programs["bidgate"], audit), (0, "shutdown_ended"))
            print(f"       {name}: ended after {took_s:.1f} s of {allowed_s}")


def verified(bidgate, audit):
    """What the program itself makes of an audit log, and its last event."""
    status = subprocess.run([bidgate, "audit", "verify", audit], stdout=subprocess.DEVNULL).returncode
    return status, json.loads(audit.read_text().splitlines()[-1])["event"]


def sent(pod):
    """The bids that the exchange gets."""
    answer = pod.ask(9090, "POST", "/", AUCTION)
    if answer.status == 204:
        return []
    return [bid["id"] for seatbid in json.loads(answer.read())["seatbid"] for bid in seatbid["bid"]]


def await_bids(pod, expected):
    deadline = time.monotonic() + LOADED_S
    while sent(pod) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"the changed policy does not judge:\n{pod.said()}")
        time.sleep(0.2)


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
