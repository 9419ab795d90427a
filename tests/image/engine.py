"""The same image under an OCI runtime, as container engines use one: with their seccomp profile, which is what Kubernetes
calls RuntimeDefault."""

import json
import pathlib
import platform
import shutil
import subprocess
import time

from container import START_S, USER, equal, mount

NAME = "bidgate-test"


class Engine:
    def __init__(self, image, folder, profile):
        self.image = image
        self.root = folder / "root"
        shutil.copytree(image.files, self.root)
        # No control groups: what is limited is not the question here. The runtime wants to see a hierarchy all the same.
        mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        mount("-t", "proc", "proc", "/proc")
        self.runtime = ["crun", "--cgroup-manager=disabled", f"--root={folder / 'state'}"]
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        (folder / "socket").mkdir()
        (folder / "socket").chmod(0o777)
        self.socket = folder / "socket"
        self.seccomp = seccomp(json.loads(pathlib.Path(profile).read_text()))
        self.log = open(folder / "log", "w+")

    def start(self, **variables):
        (self.bundle / "config.json").write_text(json.dumps(self.configuration(variables)))
        command = [*self.runtime, "run", "--bundle", self.bundle, NAME]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_S
        while self.run(self.image.healthcheck) != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it does not serve:\n{self.said()}")
            time.sleep(0.05)

    def configuration(self, variables):
        kinds = ["pid", "mount", "ipc", "uts"]  # the network is that of the test
        options = ["nosuid", "noexec", "nodev"]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": USER, "gid": USER},
                "args": [*self.image.entrypoint, *self.image.command],
                "env": [f"{name}={value}" for name, value in variables.items()],
                "cwd": "/",
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "root": {"path": str(self.root), "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/run/bidgate", "source": str(self.socket), "options": ["bind", "rw", *options]},
            ],
            "linux": {"namespaces": [{"type": kind} for kind in kinds], "seccomp": self.seccomp},
        }

    def run(self, command):
        run = [*self.runtime, "exec", f"--user={USER}:{USER}", NAME, *command]
        return subprocess.run(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def status(self, key):
        pid = json.loads(subprocess.check_output([*self.runtime, "state", NAME]))["pid"]
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{key}:"))

    def stop(self):
        subprocess.run([*self.runtime, "kill", NAME, "TERM"], check=True)
        equal(self.process.wait(START_S), 0, f"the exit code\n{self.said()}")

    def said(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.runtime, "delete", "--force", NAME], stderr=subprocess.DEVNULL)
        self.process.wait(START_S)
        self.log.close()
        subprocess.run(["umount", "/proc", "/sys/fs/cgroup"], check=True)


def seccomp(profile):
    """An engine's profile as the runtime is given it: without the rules of other machines and of capabilities."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    architecture = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}[machine]
    rules = [rule for rule in profile["syscalls"] if applies(rule, machine)]
    kept = ("names", "action", "args", "errnoRet")
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [architecture],
        "syscalls": [{key: rule[key] for key in kept if rule.get(key) is not None} for rule in rules],
    }


def applies(rule, machine):
    includes, excludes = rule["includes"], rule["excludes"]
    here = machine in includes.get("arches", [machine]) and machine not in excludes.get("arches", [])
    return here and "caps" not in includes
