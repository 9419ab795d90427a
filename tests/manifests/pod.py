"""A pod of processes: started, probed, told of changes and ended in the kubelet's order and by its means.

There are no containers here: a path at which a volume is mounted is a folder of a scratch folder, and a port is one
that is free on this machine. All else, arguments, variables, files and probes, is what stands in the manifests.
"""

import http.client
import itertools
import os
import re
import signal
import socket
import subprocess
import time

from cluster import config_map, container
from rules import SECRETS

START_S = 30
# The time budget of a policy is for a release build on a machine of its own.
PATIENT = "timeout_ms: 5000\n"
PATIENCE = ["--patience-ms", "10000"]
KEYS = {"api_key": "pk_live_0123456789abcdef", "secret_key": "sk_live_0123456789abcdef"}


class Pod:
    def __init__(self, template, manifests, programs, scratch):
        self.template = template
        self.manifests = manifests
        self.programs = programs
        self.scratch = scratch
        self.folders = {}
        self.ports = {}
        self.writes = itertools.count()
        self.processes = {}
        self.log = open(scratch / "log", "w+")
        for volume in template["spec"]["volumes"]:
            self.mount(volume)

    # Volumes.

    def mount(self, volume):
        folder = self.scratch / volume["name"]
        folder.mkdir()
        self.folders[volume["name"]] = folder
        if "projected" in volume:
            names = [source["configMap"]["name"] for source in volume["projected"]["sources"]]
            files = {file: text for name in names for file, text in config_map(self.manifests, name).items()}
            self.write(folder, {file: self.patient(file, self.mapped(text)) for file, text in files.items()})
        elif "secret" in volume:
            self.write(folder, {key: KEYS[key] for key in SECRETS[volume["secret"]["secretName"]]})

    @staticmethod
    def patient(file, text):
        return PATIENT + text if file == "policy.yaml" else text

    def write(self, folder, files):
        """As the kubelet does: into a folder of its own, to which one link is swapped. All files change at once."""
        fresh = folder / f"..{next(self.writes)}"
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text)
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")
        (folder / "..data_tmp").symlink_to(fresh.name)
        (folder / "..data_tmp").rename(folder / "..data")

    def change_policy(self, policy):
        settings = (self.folders["bidgate-config"] / "bidgate.yaml").read_text()
        self.write(self.folders["bidgate-config"], {"bidgate.yaml": settings, "policy.yaml": PATIENT + policy})

    # Paths and ports of the pod, as they are here.

    def mapped(self, text):
        for found in [*self.template["spec"]["initContainers"], *self.template["spec"]["containers"]]:
            for mount in found["volumeMounts"]:
                folder = str(self.scratch / mount["name"])
                text = re.sub(rf"(?<![\w.]){re.escape(mount['mountPath'])}(?=[/\s\"']|$)", folder, text)
        return re.sub(r"(?<=0\.0\.[01]:)\d+", lambda port: str(self.port(int(port[0]))), text)

    def port(self, number):
        if number not in self.ports:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.ports[number] = free.getsockname()[1]
        return self.ports[number]

    def command(self, name):
        found = container(self.template, name)
        return [self.programs[found["image"].split(":")[0]], *map(self.mapped, found["args"])]

    def environment(self, name):
        variables = container(self.template, name).get("env", [])
        return {variable["name"]: self.mapped(variable["value"]) for variable in variables}

    # The kubelet.

    def begin(self):
        """The sidecar, and when it has started the bidder."""
        self.start("bidgate")
        self.await_probe("bidgate", "startupProbe")
        self.start("bidder", PATIENCE)
        self.await_probe("bidder", "readinessProbe")

    def __enter__(self):
        return self

    def start(self, name, more=()):
        said = {"stdout": self.log, "stderr": self.log}
        command = [*self.command(name), *more]
        self.processes[name] = subprocess.Popen(command, env=self.environment(name), cwd="/", **said)

    def await_probe(self, name, kind):
        deadline = time.monotonic() + START_S
        while not self.probe(name, kind):
            if time.monotonic() > deadline or self.processes[name].poll() is not None:
                raise AssertionError(f"{name}: {kind} does not succeed:\n{self.said()}")
            time.sleep(0.1)

    def probe(self, name, kind):
        probe = container(self.template, name)[kind]
        if "exec" in probe:
            program, *arguments = probe["exec"]["command"]
            if program != "/bidgate":
                raise AssertionError(f"{name}: there is no {program} in the image")
            command = [self.programs["bidgate"], *map(self.mapped, arguments)]
            return subprocess.run(command, env={}, stdout=self.log, stderr=self.log).returncode == 0
        ports = {port["name"]: port["containerPort"] for port in container(self.template, name)["ports"]}
        try:
            return self.ask(ports[probe["httpGet"]["port"]], "GET", probe["httpGet"]["path"]).status == 200
        except OSError:
            return False

    def ask(self, port, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port(port), timeout=START_S)
        connection.request(method, path, body)
        return connection.getresponse()

    def end(self):
        """SIGTERM to the bidder, and when it has ended to the sidecar. Returns the seconds that this took."""
        began = time.monotonic()
        for name in ("bidder", "bidgate"):
            self.processes[name].send_signal(signal.SIGTERM)
            status = self.processes[name].wait(timeout=START_S)
            if status != 0:
                raise AssertionError(f"{name} ended with {status}:\n{self.said()}")
        return time.monotonic() - began

    def __exit__(self, *_):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()

    def said(self):
        self.log.flush()
        with open(self.log.name) as log:
            return log.read()
