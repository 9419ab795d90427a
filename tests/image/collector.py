"""A collector behind a name: a DNS server that knows it, certificates that vouch for it, and HTTPS."""

import socket
import ssl
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from container import shell

BY_DNS, BY_HOSTS = "collector.test", "known.test"
NAMES = f"subjectAltName=DNS:{BY_DNS},DNS:{BY_HOSTS}"
CERTIFICATES = f"""
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN={BY_DNS} -addext {NAMES}
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -out server.pem -days 2 -copy_extensions copy
"""


class Collector:
    def __init__(self, folder):
        shell(CERTIFICATES, folder)
        self.ca = (folder / "ca.pem").read_text()
        self.posts = []
        self.questions = []
        self.alerts = []
        self.arrived = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        server = ThreadingHTTPServer(("127.0.0.1", 443), self.handler())
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: self.alerts.append(str(sys.exc_info()[1]))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.dns.bind(("127.0.0.1", 53))
        threading.Thread(target=self.answer_names, daemon=True).start()

    def handler(collector):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                collector.posts.append((self.headers["host"], self.path))
                collector.arrived.set()
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def answer_names(self):
        while True:
            query, asker = self.dns.recvfrom(512)
            name, kind = question(query)
            self.questions.append(name)
            self.dns.sendto(answer(query, known=name == BY_DNS, has_address=kind == 1), asker)

    def await_post(self, seconds):
        found = self.arrived.wait(seconds)
        self.arrived.clear()
        return found


def question(query):
    """The name that is asked for, and the kind of record."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels), struct.unpack_from(">H", query, at + 1)[0]


def answer(query, known, has_address):
    ends = query.index(b"\0", 12) + 5
    records = b""
    if known and has_address:
        records = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
    flags = 0x8180 if known else 0x8183
    return query[:2] + struct.pack(">HHHHH", flags, 1, int(bool(records)), 0, 0) + query[12:ends] + records
