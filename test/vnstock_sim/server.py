"""Sockets and threads."""

import http.server
import itertools
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

from . import control, faults
from .answers import json_answer
from .delivery import Delivery
from .endpoints import Request
from .traffic import Traffic

HOST = "127.0.0.1"
MOST_BODY = 64 * 1024 * 1024
LOG_COLUMNS = ("number", "connection", "method", "path", "symbols", "mode", "status", "bytes", "seconds")


class RequestLog:
    def __init__(self, path):
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8", buffering=1) if path else None

    def write(self, record):
        if self._file is not None:
            columns = "\t".join(str(record[name]) for name in LOG_COLUMNS)
            with self._lock:
                self._file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')}\t{columns}\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # A hanging request's thread must not keep the simulator from ending.
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port, endpoints, market, help_text, log_path=None, certificate=None):
        self.endpoints = endpoints
        self.faults = faults.Faults()
        self.traffic = Traffic()
        self.control = control.Control(endpoints, market, self.faults, self.traffic, help_text)
        self.stopping = threading.Event()
        self.log = RequestLog(log_path)
        self.connection_numbers = itertools.count(1)
        super().__init__((HOST, port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is made by the thread of its connection, with its first read.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self):
        # HTTPServer's own asks the resolver for this host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def shutdown_request(self, request):
        # The usual shutdown() would put an orderly end before the reset that a rule wants.
        if struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) == (1, 0):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        # Clients that leave in the middle are what the tests are about.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def run(self, until):
        """Serves until the call of `until` returns."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        until()
        self.stopping.set()
        self.shutdown()
        thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.number = next(self.server.connection_numbers)

    def finish(self):
        self.server.traffic.disconnected(self.number)
        super().finish()

    def log_message(self, format, *arguments):
        """--log has its own form; standard error stays for real trouble."""

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        body = self._read_body()
        if body is None:
            return
        request = Request(self.command, self.path, self.headers, body)
        if request.path.startswith(control.PREFIX):
            self._send(self.server.control.answer(request))
            return
        rule = self.server.faults.take(request.path)
        record = self.server.traffic.begin(self.number, request, rule and rule.mode)
        answer = delivery = None

        def account():
            if record["seconds"] is None:
                self.server.traffic.finish(record, answer.status if delivery.bytes_sent else None, delivery.bytes_sent)
                self.server.log.write(record)

        delivery = self._delivery(account)
        try:
            answer = faults.answer(rule, request, self.server.endpoints)
            delivery.send(answer, rule)
            self.close_connection = delivery.close
        finally:
            account()

    def _delivery(self, *before_end):
        return Delivery(self.connection, self.server.stopping, self.request_version != "HTTP/1.0",
                        "gzip" in self.headers.get("Accept-Encoding", "").lower(), self.close_connection,
                        *before_end, skew=self.server.control.skew)

    def _send(self, answer):
        delivery = self._delivery()
        delivery.send(answer)
        self.close_connection = delivery.close

    def _read_body(self):
        """The request's body, or None after a refusal."""
        length = self.headers.get("Content-Length", "0")
        refusal = None
        if self.headers.get("Transfer-Encoding"):
            refusal = 411, "send a Content-Length"
        elif not length.isdigit():
            refusal = 400, "Content-Length is not a number"
        elif int(length) > MOST_BODY:
            refusal = 413, f"the body is larger than {MOST_BODY} bytes"
        if refusal is not None:
            # Nobody can tell where on this connection the next request begins.
            self.close_connection = True
            self._send(json_answer({"error": refusal[1]}, refusal[0]))
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body
