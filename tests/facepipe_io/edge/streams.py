"""Servers of video on loopback that fail as network cameras do."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import socketserver
import struct
import subprocess
import threading
from typing import Iterator, Sequence

import cv2
import numpy as np
import pytest

FPS = 100.0  # FFmpeg wants to see some pictures before it lets go of the first
MAX_PAYLOAD = 1400

RTSP_ANSWERS = {
    "OPTIONS": ["Public: DESCRIBE, SETUP, PLAY, TEARDOWN"],
    "DESCRIBE": ["Content-Type: application/sdp"],
    "SETUP": ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"],
    "PLAY": [],
}
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
)


class StreamServer(socketserver.ThreadingTCPServer):
    """Sends its pictures over and over to everybody who asks, and can be made to fail.

    Attributes:
        stalled: while set, nothing is sent and every connection stays open.
        pictures: what is sent; may be changed on the way.
        opened: how many have asked for the stream so far.
    """

    daemon_threads = True
    allow_reuse_address = True
    scheme = ""

    def __init__(self, pictures: Sequence[np.ndarray], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.pictures = pictures
        self.stalled = threading.Event()
        self.opened = 0
        self._gone = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/live"

    def close(self) -> None:
        """Break every connection and serve nobody any more."""
        self._gone.set()
        self.shutdown()
        self.server_close()

    def encoded(self) -> Iterator[bytes]:
        """The pictures, encoded, at the stream's pace; none while it is stalled."""
        for index in itertools.count():
            if self._gone.wait(1 / FPS):
                return
            if not self.stalled.is_set():
                yield self.encode(self.pictures[index % len(self.pictures)])

    def encode(self, picture: np.ndarray) -> bytes:
        raise NotImplementedError

    def talk(self, connection: socketserver.StreamRequestHandler) -> None:
        raise NotImplementedError

    def finish_request(self, request, client_address) -> None:
        with contextlib.suppress(ConnectionError):  # the reader has had enough
            super().finish_request(request, client_address)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.server.talk(self)


class MjpegServer(StreamServer):
    """JPEG pictures in a multipart answer, as cheap network cameras send them."""

    scheme = "http"

    def encode(self, picture: np.ndarray) -> bytes:
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
        return head % len(jpeg) + jpeg + b"\r\n"

    def talk(self, connection: socketserver.StreamRequestHandler) -> None:
        while connection.rfile.readline().strip():
            pass
        self.opened += 1
        connection.wfile.write(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
        )
        for part in self.encoded():
            connection.wfile.write(part)


class RtspServer(StreamServer):
    """H.264 over RTSP, in its TCP connection, as most network cameras send it.

    RFC 2326 for what is said, RFC 6184 for how H.264 is packed.
    """

    scheme = "rtsp"

    def __init__(self, pictures: Sequence[np.ndarray], port: int = 0) -> None:
        if shutil.which("ffmpeg") is None:
            pytest.skip("ffmpeg: it is not installed")
        self._known: dict[bytes, bytes] = {}
        super().__init__(pictures, port)

    def encode(self, picture: np.ndarray) -> bytes:
        raw = picture.tobytes()
        if raw not in self._known:
            self._known[raw] = encode_h264(picture)
        return self._known[raw]

    def talk(self, connection: socketserver.StreamRequestHandler) -> None:
        method = ""
        while method != "PLAY":
            lines = list(iter(lambda: connection.rfile.readline().decode().strip(), ""))
            if not lines:  # the reader has gone
                return
            method = lines[0].split()[0]
            head = [line for line in lines if line.startswith("CSeq:")]
            head += RTSP_ANSWERS[method]
            answer = "\r\n".join(["RTSP/1.0 200 OK", *head, "Session: 1"])
            body = SDP if method == "DESCRIBE" else ""
            answer += f"\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            connection.wfile.write(answer.encode())
        self.opened += 1
        sequence = itertools.count()
        for index, picture in enumerate(self.encoded()):
            stamp = round(index * 90000 / FPS)
            for payload, marker in rtp_payloads(picture):
                rtp = struct.pack(
                    ">BBHII", 0x80, 96 | marker << 7, next(sequence) & 0xFFFF, stamp, 1
                )
                packet = rtp + payload
                connection.wfile.write(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)


def encode_h264(picture: np.ndarray) -> bytes:
    """One picture as H.264 that can be decoded without any other."""
    height, width = picture.shape[:2]
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24"]
    command += ["-s", f"{width}x{height}", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    command += ["-x264-params", "keyint=1:repeat-headers=1:sliced-threads=0", "-f", "h264", "-"]
    return subprocess.run(command, input=picture.tobytes(), stdout=-1, check=True).stdout


def rtp_payloads(picture: bytes) -> Iterator[tuple[bytes, bool]]:
    """What goes into packets, and whether it is the picture's last."""
    units = [unit for unit in re.split(b"\0?\0\0\1", picture) if unit]
    for unit in units:
        last = unit is units[-1]
        if len(unit) <= MAX_PAYLOAD:
            yield unit, last
            continue
        # Fragments: the unit's first byte is split into an indicator and a header.
        indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
        for start in range(1, len(unit), MAX_PAYLOAD):
            part = unit[start : start + MAX_PAYLOAD]
            ends = start + MAX_PAYLOAD >= len(unit)
            header = kind | (start == 1) << 7 | ends << 6
            yield bytes([indicator, header]) + part, last and ends
