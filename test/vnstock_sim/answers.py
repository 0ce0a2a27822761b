"""An HTTP answer before it is sent."""

import base64
import hashlib
import json
import zlib

JSON_TYPE = "application/json; charset=utf-8"

# Level 1 costs a third of level 6 and the sizes hardly differ on such data.
COMPRESSION_LEVEL = 1
GZIP_WINDOW = 31


def gzip(data):
    return zlib.compress(data, COMPRESSION_LEVEL, GZIP_WINDOW)


class Answer:
    """Status, headers and body.  Kept by whoever serves the same body twice."""

    def __init__(self, body, status=200, content_type=JSON_TYPE, headers=(), service=None):
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = tuple(headers)
        self.service = service
        self._compressed = None
        self._etag = None

    @property
    def compressed(self):
        if self._compressed is None:
            self._compressed = gzip(self.body)
        return self._compressed

    @property
    def etag(self):
        """As Express makes it, so that a captured body gets its captured tag."""
        if self._etag is None:
            digest = base64.b64encode(hashlib.sha1(self.body).digest())[:27].decode()
            self._etag = f'W/"{len(self.body):x}-{digest}"'
        return self._etag

    def with_body(self, body):
        return Answer(body, self.status, self.content_type, self.headers, self.service)


def json_answer(value, status=200, service=None):
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Answer(body, status, service=service)


def text_answer(text, status, content_type="text/plain", headers=()):
    return Answer(text.encode("utf-8"), status, content_type, headers)
