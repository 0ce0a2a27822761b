"""Puts answers, sound or broken, on the wire.

Sound JSON goes out as the services send it: gzip if the client takes it,
chunked, without a Content-Length.
"""

import email.utils
import http
import itertools
import select
import socket
import struct
import time
import zlib

CHUNK = 16 * 1024
STREAM_BLOCK = 1024 * 1024
DEFAULT_HUGE = 64 * 1024 * 1024
DEFAULT_BOMB = 256 * 1024 * 1024
DEFAULT_SWARM = 15 << 20

SERVICE_HEADERS = {
    "vci": (("access-control-allow-credentials", "true"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
            ("x-content-type-options", "nosniff"), ("x-envoy-upstream-service-time", "2"),
            ("X-Cache", "MISS from simulator"), ("server", "envoy"), ("vary", "Accept-Encoding")),
    "kbs": (("Server", "KBSV"), ("x-powered-by", "Express"), ("access-control-allow-origin", "*"),
            ("vary", "Accept-Encoding"), ("x-cache-status", "MISS"), ("X-Frame-Options", "SAMEORIGIN")),
    None: (),
}


def _chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pieces(data, size):
    return (data[start:start + size] for start in range(0, len(data), size))


def _deflate(data, flush):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(flush)


class Delivery:
    """One answer on one connection."""

    def __init__(self, connection, stopping, http_1_1, accepts_gzip, close, before_end=lambda: None, skew=0):
        """`skew` is how many seconds the Date header is ahead.  `before_end` is called before the last bytes leave: a client that has
        its whole answer must find it counted."""
        self.connection = connection
        self.stopping = stopping
        self.http_1_1 = http_1_1
        self.accepts_gzip = accepts_gzip
        self.close = close or not http_1_1
        self.before_end = before_end
        self.skew = skew
        self.bytes_sent = 0

    def send(self, answer, rule=None):
        """Sends the answer as the rule's mode has it.  Afterwards `close` tells whether to hang up."""
        if rule is not None and rule.delay:
            self.stopping.wait(rule.delay)
        mode = rule.mode if rule is not None else None
        if mode == "hang":
            self._hang(rule.get("seconds"))
        elif mode == "stall":
            self._send_half(answer)
            self._hang(rule.get("seconds"))
        elif mode == "drip":
            data, encoding = self._encoded(answer)
            self._stream(answer, encoding, _pieces(data, rule.get("bytes", 1)), rule.get("interval", 0.05))
        elif mode == "huge":
            self._stream(answer, [], self._huge_pieces(rule.get("size", DEFAULT_HUGE)))
        elif mode == "bomb":
            self._stream(answer, [("Content-Encoding", "gzip")], self._bomb_pieces(rule.get("size", DEFAULT_BOMB)))
        elif mode == "swarm":
            self._stream(answer, [], self._swarm_pieces(rule.get("size", DEFAULT_SWARM), rule.get("row", "1"), rule.get("deep", False)))
        elif mode == "cut":
            self._send_half(answer)
            self.close = True
        elif mode == "reset":
            self._send_half(answer)
            self._reset()
        else:
            head, payload = self._framed(answer)
            self._write_last(head + payload)

    def _write(self, data):
        self.bytes_sent += len(data)
        self.connection.sendall(data)

    def _write_last(self, data):
        self.bytes_sent += len(data)
        self.before_end()
        self.connection.sendall(data)

    def _head(self, answer, framing):
        lines = [f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}",
                 f"Date: {email.utils.formatdate(time.time() + self.skew, usegmt=True)}",
                 f"Content-Type: {answer.content_type}"]
        lines += [f"{name}: {value}" for name, value in itertools.chain(
            answer.headers, SERVICE_HEADERS[answer.service], framing)]
        if answer.service == "vci":
            lines.append(f"ETag: {answer.etag}")
        lines.append("Connection: close" if self.close else "Connection: keep-alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _encoded(self, answer):
        if self.accepts_gzip:
            return answer.compressed, [("Content-Encoding", "gzip")]
        return answer.body, []

    def _framed(self, answer):
        # Refusals and error pages come with their length, as from the proxies in front of the services.
        if answer.status != 200 or not answer.content_type.startswith("application/json"):
            return self._head(answer, [("Content-Length", len(answer.body))]), answer.body
        data, encoding = self._encoded(answer)
        if not self.http_1_1:
            return self._head(answer, encoding + [("Content-Length", len(data))]), data
        payload = b"".join(_chunk(piece) for piece in _pieces(data, CHUNK)) + b"0\r\n\r\n"
        return self._head(answer, encoding + [("Transfer-Encoding", "chunked")]), payload

    def _send_half(self, answer):
        head, payload = self._framed(answer)
        self._write(head + payload[:len(payload) // 2])

    def _stream(self, answer, encoding, pieces, interval=0):
        framing = encoding + ([("Transfer-Encoding", "chunked")] if self.http_1_1 else [])
        self._write(self._head(answer, framing))
        for piece in pieces:
            if self.stopping.is_set():
                self.close = True
                return
            self._write(_chunk(piece) if self.http_1_1 else piece)
            if interval:
                self.stopping.wait(interval)
        self._write_last(b"0\r\n\r\n" if self.http_1_1 else b"")

    @staticmethod
    def _huge_pieces(size):
        """A well-formed JSON array of exactly this size, never whole in memory."""
        yield b"["
        filler = b'"' + b"x" * (STREAM_BLOCK - 3) + b'",'
        left = size - 2
        while left >= len(filler) + 2:
            yield filler
            left -= len(filler)
        if left:
            yield b" " * left if left < 2 else b'"' + b"x" * (left - 2) + b'"'
        yield b"]"

    @staticmethod
    def _swarm_pieces(size, row, deep):
        """A well-formed JSON array of about this size with as many rows as fit; "deep": all in one row, an array."""
        item = row.encode() + b","
        per_block = max(1, STREAM_BLOCK // len(item))
        yield b"[[" if deep else b"["
        for _ in range(size // (len(item) * per_block)):
            yield item * per_block
        yield row.encode() + (b"]]" if deep else b"]")

    @staticmethod
    def _bomb_pieces(size):
        """A small gzip stream that unpacks to a blank JSON array of exactly this size."""
        block = b" " * STREAM_BLOCK
        # After a full flush nothing refers back, so the packed block can be repeated.
        packed_block = _deflate(block, zlib.Z_FULL_FLUSH)
        yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + _deflate(b"[", zlib.Z_FULL_FLUSH)
        checksum = zlib.crc32(b"[")
        blocks, rest = divmod(size - 2, len(block))
        for _ in range(blocks):
            checksum = zlib.crc32(block, checksum)
            yield packed_block
        end = b" " * rest + b"]"
        checksum = zlib.crc32(end, checksum)
        yield _deflate(end, zlib.Z_FINISH) + struct.pack("<II", checksum, size & 0xFFFFFFFF)

    def _hang(self, seconds):
        """Says nothing more until the client leaves, the time is over or the simulator ends."""
        self.close = True
        end = None if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while not self.stopping.is_set() and (end is None or time.monotonic() < end):
            wait = 0.1 if end is None else min(0.1, max(0, end - time.monotonic()))
            if poll.poll(wait * 1000):
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                # The client has sent more without waiting; do not spin on it.
                self.stopping.wait(wait)

    def _reset(self):
        # A moment for the first half to arrive, or the client sees a reset without a body.
        self.stopping.wait(0.05)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close = True
