"""Every check of client.py over TLS: to a sidecar that asks callers for nothing, and to one that wants their certificate.

usage: secure.py BIDGATE
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import grpc
import trustme
from client import CHECKS, DEADLINE_S, attempt, compile_proto

START_S = 15


def main(bidgate):
    with tempfile.TemporaryDirectory() as scratch:
        pb, rpc = compile_proto(scratch)
        ours, theirs, nobody = trustme.CA(), trustme.CA(), trustme.CA()
        server = pathlib.Path(scratch, "server.pem")
        ours.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(server)
        callers = pathlib.Path(scratch, "callers.pem")
        theirs.cert_pem.write_to_path(callers)
        known, unknown = theirs.issue_cert("bidder"), nobody.issue_cert("bidder")

        files = [f"--tls-cert-file={server}", f"--tls-key-file={server}"]
        with Sidecar(bidgate, files) as tls:
            outcomes = [attempt(check, tls.address, pb, rpc, secure(ours)) for check in CHECKS]
            outcomes += [refused("another CA", secure(nobody), tls), refused("plaintext", grpc.insecure_channel, tls)]
        with Sidecar(bidgate, [*files, f"--tls-client-ca-file={callers}"]) as mutual:
            outcomes += [attempt(check, mutual.address, pb, rpc, secure(ours, known)) for check in CHECKS]
            outcomes += [
                refused("no certificate", secure(ours), mutual),
                refused("a certificate of another CA", secure(ours, unknown), mutual),
                attempt(CHECKS[0], mutual.address, pb, rpc, secure(ours, known)),
            ]
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


def secure(authority, own=None):
    """How to open a channel that trusts `authority`, with a certificate of one's own or without."""
    chain = own and b"".join(part.bytes() for part in own.cert_chain_pems)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), own and own.private_key_pem.bytes(), chain)
    return lambda address: grpc.secure_channel(address, credentials)


def refused(why, open_channel, sidecar):
    """Whether the channel comes to no terms; a bidder's call would wait, and fail at its deadline."""
    with open_channel(sidecar.address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=1)
        except grpc.FutureTimeoutError:
            print(f"ok     {sidecar.address} is closed to {why}")
            return True
    print(f"FAILED {sidecar.address} is open to {why}")
    return False


class Sidecar:
    """One `bidgate serve`, until the end of the block; then SIGTERM must end it with 0."""

    def __init__(self, bidgate, flags):
        port, admin = free_ports()
        self.address = f"localhost:{port}"
        self.ready = [bidgate, "healthcheck", f"--admin=127.0.0.1:{admin}"]
        listen = [f"--listen=127.0.0.1:{port}", f"--admin=127.0.0.1:{admin}", "--policy-timeout-ms=1000"]
        environment = {**os.environ, "BIDGATE_LOG_LEVEL": "error"}
        self.process = subprocess.Popen([bidgate, "serve", *listen, *flags], env=environment)

    def __enter__(self):
        deadline = time.monotonic() + START_S
        while subprocess.run(self.ready, capture_output=True).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise RuntimeError("the sidecar does not start")
            time.sleep(0.1)
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        status = self.process.wait(timeout=DEADLINE_S)
        if status != 0 and failure[0] is None:
            raise RuntimeError(f"the sidecar ended with {status}")


def free_ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
