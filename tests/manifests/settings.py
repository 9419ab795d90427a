"""What the sidecar makes of its files and variables, and whether the manifests around it agree."""

import pathlib
import re
import subprocess

import yaml

from cluster import ROOT, container, containers
from rules import SECRETS

# What the example takes after SIGTERM, at most.
# What src/server cuts late calls in, and then OTLP, the audit log and the log have, at most.
LAST_WORDS_S = 0.5 + 2 + 5 + 1
BIDDER_GRACE_S = int(
    re.search(r"const GRACE: Duration = Duration::from_secs\((\d+)\)", (ROOT / "examples/bidder.rs").read_text())[1]
)


def effective(pod):
    """The configuration as the program itself reads it: every mistake in a file or a variable is told here."""
    command = [*pod.command("bidgate"), "--print-config"]
    printed = subprocess.run(command, env=pod.environment("bidgate"), capture_output=True, text=True)
    return (yaml.safe_load(printed.stdout), "") if printed.returncode == 0 else (None, printed.stderr)


def problems(pod):
    settings, mistakes = effective(pod)
    if settings is None:
        yield f"the sidecar refuses its configuration: {mistakes}"
        return
    yield from socket(pod, settings)
    yield from admin(pod, settings)
    yield from probes(pod, settings)
    yield from ending(pod, settings)
    yield from keys(pod, settings)
    yield from audit(pod, settings)
    if settings["workers"] == 0:
        yield "workers: one for each core of the node, whatever the pod may use of them"


def socket(pod, settings):
    """The socket is in a folder that both containers have, and nobody else."""
    shared = pod.folders["bidgate-socket"]
    sockets = [pathlib.Path(text.removeprefix("unix://")) for text in settings["listen"] if text.startswith("unix://")]
    if not sockets or any(path.parent != shared for path in sockets):
        yield f"the socket is not in the shared folder: {settings['listen']}"
    for text in settings["listen"]:
        if not text.startswith("unix://") and not text.startswith("127.0.0.1:"):
            yield f"gRPC is open to other pods: {text}"
    sidecar = {argument for argument in pod.command("bidder") if argument.startswith(("unix:", "http://"))}
    listening = {text if text.startswith("unix") else f"http://{text}" for text in settings["listen"]}
    if not sidecar or not sidecar <= listening:
        yield f"the bidder asks at {sidecar}, and the sidecar listens at {listening}"


def admin(pod, settings):
    """Open to other pods only where a port says so, and that one is named as the PodMonitor wants it."""
    declared = {port["name"]: port["containerPort"] for port in container(pod.template, "bidgate").get("ports", [])}
    host, port = settings["admin"].rsplit(":", 1)
    expected = {} if host == "127.0.0.1" else {"bidgate-admin": int(port)}
    if {name: pod.port(number) for name, number in declared.items()} != expected:
        yield f"admin is {settings['admin']}, ports are {declared}"


def probes(pod, settings):
    port = settings["admin"].rsplit(":", 1)[1]
    asked = {*settings["listen"], f"127.0.0.1:{port}"}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container(pod.template, "bidgate")[kind]
        address = pod.mapped(probe["exec"]["command"][-1])
        if address not in asked:
            yield f"{kind} asks {address}, and the sidecar listens at {asked}"
        # `bidgate healthcheck` gives up after 2 s itself, and says why.
        if probe.get("timeoutSeconds", 1) <= 2:
            yield f"{kind} is cut off before the check has said what is wrong"


def ending(pod, settings):
    """The time that a pod has is enough for all that may happen in it, one after the other."""
    spec = pod.template["spec"]
    before_s = container(pod.template, "bidder")["lifecycle"]["preStop"]["sleep"]["seconds"]
    telemetry = settings["telemetry"]
    flush_ms = 0 if telemetry["sink"] == "none" else telemetry["flush_timeout_ms"]
    shutdown = settings["shutdown"]
    sidecar_s = (shutdown["drain_delay_ms"] + shutdown["grace_ms"] + flush_ms) / 1000 + LAST_WORDS_S
    needed_s = before_s + BIDDER_GRACE_S + sidecar_s
    if spec.get("terminationGracePeriodSeconds", 30) < needed_s:
        yield f"terminationGracePeriodSeconds is less than the {needed_s} s that the end may take"


def keys(pod, settings):
    """Key files are where a Secret puts them."""
    for key in ("api_key", "secret_key"):
        path = settings["telemetry"].get(f"{key}_file")
        if path and (pathlib.Path(path).parent != pod.folders.get("bidgate-telemetry") or key not in path):
            yield f"telemetry.{key}_file is {path}: no Secret puts it there: {SECRETS}"


def audit(pod, settings):
    """The audit log is where the sidecar alone can write, and all of its files have room there."""
    path = audit_file(settings)
    if path is None:
        return
    name, folder = "bidgate-audit", pod.folders.get("bidgate-audit")
    if path.parent != folder:
        yield f"audit.file is {path}: no volume is there"
        return
    mounted = {
        found["name"]: mount.get("readOnly", False)
        for found in containers(pod.template)
        for mount in found.get("volumeMounts", [])
        if mount["name"] == name
    }
    if mounted != {"bidgate": False}:
        yield f"the audit log is for the sidecar to write, and for nobody else: {mounted}"
    volume = next(volume for volume in pod.template["spec"]["volumes"] if volume["name"] == name)
    limit = mebibytes(volume["emptyDir"].get("sizeLimit"))
    needed = settings["audit"]["file_max_bytes"] * (settings["audit"]["file_keep"] + 1) / 2**20
    # As much again is left to files that were set aside.
    if limit is None or limit < 2 * needed:
        yield f"the audit log takes {needed} MiB, and its volume has {limit}"


def audit_file(settings):
    path = settings.get("audit", {}).get("file")
    return pathlib.Path(path) if path else None


def mebibytes(quantity):
    return int(quantity.removesuffix("Mi")) if quantity and quantity.endswith("Mi") else None
