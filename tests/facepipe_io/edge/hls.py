"""Kinesis Video Streams on loopback: its two calls, and the sessions that they open."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

FPS = 25.0
LISTED = 5  # fragments in a playlist


class Fragment(NamedTuple):
    seconds: float
    data: bytes


def fragments_of(clip: Path, folder: Path, width: int = 480) -> Sequence[Fragment]:
    """A clip twice over, as fragments of six pictures."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg: it is not installed")
    command = ["ffmpeg", "-v", "error", "-stream_loop", "1", "-i", str(clip), "-r", str(FPS)]
    command += [
        "-vf",
        f"setpts=N/{FPS}/TB,scale={width}:-2",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "12",
    ]
    command += ["-pix_fmt", "yuv420p", "-g", "6", "-keyint_min", "6", "-sc_threshold", "0"]
    command += ["-f", "hls", "-hls_time", "0.2", "-hls_list_size", "0", "list.m3u8"]
    subprocess.run(command, check=True, cwd=str(folder))
    listed = re.findall(r"#EXTINF:([\d.]+),\n(\S+)", (folder / "list.m3u8").read_text())
    return [Fragment(float(seconds), (folder / name).read_bytes()) for seconds, name in listed]


class VideoStreams:
    """Stands in for Kinesis Video Streams, with one stream.

    Attributes:
        fragments: what is sent to the stream; the next one when the last one is being watched.
        calls: an action, its arguments and its headers for each call.
        errors: a status and a code by action.
        tokens: of the sessions so far.
        served: the last fragment that was given, by the token.
        cut: tokens of sessions that have ended.
    """

    def __init__(self, fragments: Sequence[Fragment] = ()) -> None:
        self.fragments = fragments
        self.calls = []
        self.errors = {}
        self.tokens = []
        self.served = {}
        self.cut = set()
        streams = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*streams.call(self.path[1:], json.loads(body.decode()), self.headers))

            def do_GET(self):
                with contextlib.suppress(ConnectionError):  # who watches has had enough
                    self.answer(*streams.watch(self.path))

            def answer(self, status, body, code=""):
                self.send_response(status)
                if code:
                    self.send_header("x-amzn-ErrorType", code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):
                with contextlib.suppress(ConnectionError):  # as above
                    super().finish_request(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def call(self, action, arguments, headers):
        """Answer AWS's API."""
        self.calls.append((action, arguments, headers))
        status, code = self.errors.get(action, (200, ""))
        if code:
            return status, json.dumps({"Message": "it says no"}).encode(), code
        if action == "getDataEndpoint":
            return 200, json.dumps({"DataEndpoint": self.url}).encode()
        token = f"SECRET{len(self.tokens)}" + 50 * "x"
        self.tokens.append(token)
        url = f"{self.url}/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken={token}"
        return 200, json.dumps({"HLSStreamingSessionURL": url}).encode()

    def watch(self, path):
        """Answer a player."""
        address = urlsplit(path)
        query = parse_qs(address.query)
        token = query.get("SessionToken", [""])[0]
        if token not in self.tokens or token in self.cut:
            return 403, b"{}"
        name = address.path.rpartition("/")[2]
        if name == "getHLSMasterPlaylist.m3u8":
            lines = [
                "#EXT-X-STREAM-INF:BANDWIDTH=100000",
                f"getHLSMediaPlaylist.m3u8?SessionToken={token}",
            ]
        elif name == "getHLSMediaPlaylist.m3u8":
            lines = self._playlist(token)
        else:
            self.served[token] = int(query["FragmentNumber"][0])
            return 200, self.fragments[self.served[token]].data
        return 200, "\n".join(["#EXTM3U", "#EXT-X-VERSION:3", *lines, ""]).encode()

    def _playlist(self, token):
        done = min(max(LISTED, self.served.get(token, 0) + 2), len(self.fragments))
        first = done - LISTED
        yield "#EXT-X-TARGETDURATION:1"
        yield f"#EXT-X-MEDIA-SEQUENCE:{first}"
        for number, fragment in enumerate(self.fragments[first:done], first):
            yield f"#EXTINF:{fragment.seconds},"
            yield f"getTSFragment.ts?FragmentNumber={number}&SessionToken={token}"
