"""A container from nothing but the kernel: an empty root, a user without rights, a file system that cannot be written.

Whoever uses it is root in namespaces of its own (`unshare --net --mount --pid --fork`).
"""

import ctypes
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import socket
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER, BIDDER, STRANGER = 65532, 65533, 65534
START_S = 20
NO_NEW_PRIVS = 38
SOCKET = "unix:///run/bidgate/bidgate.sock"


class Image:
    """The last stage of the Dockerfile, as far as a container is started by it."""

    def __init__(self, files):
        self.files = files
        stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1].replace("\\\n", " ")
        self.lines = [line.split(maxsplit=1) for line in stage.splitlines()[1:] if line and not line.startswith("#")]
        self.base = stage.split()[0]
        self.user = int(self.one("USER").split(":")[0])
        self.entrypoint = array(self.one("ENTRYPOINT"))
        self.command = array(self.one("CMD"))
        self.healthcheck = array(self.one("HEALTHCHECK").split(" CMD ")[1])

    def one(self, instruction):
        [found] = [rest for name, rest in self.lines if name == instruction]
        return found

    def contents(self):
        return {str(path.relative_to(self.files)) for path in self.files.rglob("*") if not path.is_dir()}


def array(text):
    return [word.strip('", ') for word in re.findall(r'"[^"]*"', text)]


class Container:
    """A root made of the image, and what a kubelet mounts over it."""

    def __init__(self, image, folder, files=None):
        self.image = image
        self.root = folder / "root"
        shutil.copytree(image.files, self.root)
        for name in ("proc", "run/bidgate", "beside"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        mount("--bind", self.root, self.root)
        mount("-o", "remount,bind,ro", self.root)
        mount("-t", "proc", "proc", self.root / "proc")
        # An emptyDir of a pod with an fsGroup. The bidder's view of it cannot be written to.
        mount("-t", "tmpfs", "-o", f"mode=2777,gid={USER}", "tmpfs", self.root / "run/bidgate")
        mount("--bind", self.root / "run/bidgate", self.root / "beside")
        mount("-o", "remount,bind,ro", self.root / "beside")
        self.log = open(folder / "log", "w+")
        self.process = None

    def start(self, **variables):
        """Starts what the image starts, and waits until its own check says that it serves."""
        command = [*self.image.entrypoint, *self.image.command]
        self.process = self.spawn(command, self.image.user, [], variables, self.log)
        deadline = time.monotonic() + START_S
        while self.run(self.image.healthcheck) != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it does not serve:\n{self.said()}")
            time.sleep(0.05)

    def refuses(self, **variables):
        """What it says when it does not start."""
        command = [*self.image.entrypoint, *self.image.command]
        self.process = self.spawn(command, self.image.user, [], variables, self.log)
        equal(self.process.wait(START_S) in (1, 2), True, f"refused\n{self.said()}")
        return self.said()

    def run(self, command, user=USER, groups=()):
        return self.spawn(command, user, groups, {}, subprocess.DEVNULL).wait(START_S)

    def spawn(self, command, user, groups, variables, log):
        def enter():
            os.chroot(self.root)
            os.chdir("/")
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0)

        # Opened before the root is changed: what starts is found in it, and nowhere else.
        return subprocess.Popen(command, preexec_fn=enter, env=variables, stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(START_S), 0, f"the exit code\n{self.said()}")

    def status(self, key):
        status = (self.root / f"proc/{self.process.pid}/status").read_text()
        return re.search(rf"^{key}:\s+(.*)$", status, re.MULTILINE)[1].split()

    def said(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        subprocess.run(["umount", "--recursive", self.root], check=True)


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def raise_loopback():
    """Nothing else is on this network, so every port is free and no name is known."""
    up_and_running = 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))


def has_interpreter(program):
    """True when an ELF file asks for a dynamic loader."""
    data = program.read_bytes()
    start, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    interpreter = 3
    return interpreter in [struct.unpack_from("<I", data, start + number * size)[0] for number in range(count)]


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} is not {expected!r}")


def shell(text, folder):
    for line in text.strip().splitlines():
        subprocess.run(shlex.split(line), check=True, cwd=folder, capture_output=True)
