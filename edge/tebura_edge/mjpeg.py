"""Reads an HTTP stream of JPEG pictures (``multipart/x-mixed-replace``), as network cameras send.

OpenCV opens such streams too, but hides the headers of the parts: ``X-Timestamp`` (seconds since
the epoch, sent by several camera servers) is when the picture was taken, which a replay needs.
"""

import base64
import http.client
import urllib.parse
from dataclasses import dataclass

MAX_PART_BYTES = 8 * 1024 * 1024
MAX_HEADER_LINES = 32
MAX_LINE_BYTES = 4096


class StreamError(OSError):
    """The stream cannot be opened, broke off, or is not one of pictures."""


class NotMultipart(StreamError):
    """The server answers, but with something else than a stream of parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """One JPEG, and the server's own time of it if it says one."""

    jpeg: bytes
    timestamp_s: float | None


def _login(parts: urllib.parse.SplitResult) -> dict[str, str]:
    """The header of a URL's user and password, if it names them."""
    if parts.username is None:
        return {}
    words = (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
    return {"Authorization": "Basic " + base64.b64encode(":".join(words).encode()).decode()}


class MjpegStream:
    """An open stream; `read` blocks for the next picture at most `timeout_s`."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect.

        Raises:
            NotMultipart: If the server sends something else.
            StreamError: If it cannot be reached or refuses.
        """
        parts = urllib.parse.urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        try:
            path = parts.path or "/"
            if parts.query:
                path = f"{path}?{parts.query}"
            self._connection.request("GET", path, headers=_login(parts))
            self._response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StreamError(f"cannot be opened: {error}") from error
        if self._response.status != http.client.OK:
            self.close()
            raise StreamError(f"the server answers {self._response.status}")
        if self._response.headers.get_content_maintype() != "multipart":
            self.close()
            raise NotMultipart(
                f"is {self._response.headers.get_content_type()}, no stream of parts"
            )
        # Some servers put the dashes into the parameter, some do not.
        boundary = str(self._response.headers.get_param("boundary") or "").strip('"').lstrip("-")
        self._boundary = b"--" + boundary.encode()

    def read(self) -> Part:
        """The next picture.

        Raises:
            StreamError: If the stream ended, stalls or is malformed.
        """
        try:
            headers = self._part_headers()
            length = headers.get(b"content-length")
            jpeg = self._exactly(int(length)) if length else self._to_boundary()
            stamp = headers.get(b"x-timestamp")
            return Part(jpeg, float(stamp) if stamp else None)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StreamError(f"broke off: {error}") from error

    def close(self) -> None:
        self._connection.close()

    def _part_headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        for _ in range(MAX_HEADER_LINES):
            line = self._response.readline(MAX_LINE_BYTES)
            if not line:
                raise StreamError("the stream ended")
            line = line.strip()
            if line and not line.lstrip(b"-").startswith(self._boundary.lstrip(b"-")):
                name, _, value = line.partition(b":")
                headers[name.strip().lower()] = value.strip()
            elif not line and headers:
                return headers
        raise StreamError("no picture where one should begin")

    def _exactly(self, length: int) -> bytes:
        if not 0 < length <= MAX_PART_BYTES:
            raise StreamError(f"a picture of {length} bytes")
        raw = self._response.read(length)
        if len(raw) < length:
            raise StreamError("the stream ended inside a picture")
        return raw

    def _to_boundary(self) -> bytes:
        """A part without a length ends where the next boundary begins."""
        lines: list[bytes] = []
        size = 0
        while size <= MAX_PART_BYTES:
            line = self._response.readline(65536)
            if not line:
                raise StreamError("the stream ended inside a picture")
            if line.startswith(self._boundary):
                return b"".join(lines).removesuffix(b"\n").removesuffix(b"\r")
            lines.append(line)
            size += len(line)
        raise StreamError("a picture without end")
