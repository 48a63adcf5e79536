"""The whole pipeline on one machine: the device's agent, a folder, a local scorer, SQLite."""

from __future__ import annotations

import re
import secrets
import signal
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Callable, Iterator
from urllib.parse import urlsplit

import attrs

from facepipe.errors import FacepipeError, ImageError
from facepipe.images import decode_image, encode_jpeg
from facepipe.records import ScoredCrop, score_crop, seen_object
from facepipe_io.edge import process
from facepipe_io.edge.agent import Agent
from facepipe_io.edge.cameras import Camera, Frame, open_camera, without_secrets
from facepipe_io.edge.picker import CropPicker, Look
from facepipe_io.edge.pickers import detector_of
from facepipe_io.edge.preview import Preview
from facepipe_io.edge.settings import DeviceSettings
from facepipe_io.edge.stats import Stats
from facepipe_io.edge.uplink import FolderUplink, Uplink
from facepipe_io.errors import CameraError, StoreError, UplinkError
from facepipe_io.local.playback import EveryNth, RealTime
from facepipe_io.local.scorers import LocalScorer, open_scorer
from facepipe_io.local.store import Run, Store
from facepipe_io.local.words import plural

#: Every so many frames one is encoded as JPEG, to know what sending all of them would take.
SAMPLE_EVERY = 25

#: How the `problem` of a recording begins that was not looked at to its end because of Ctrl-C.
INTERRUPTED = "stopped by Ctrl-C"


class ScoringUplink(Uplink):
    """Stores crops in a folder, scores those of faces, and keeps the records.

    Args:
        folder: where crops go.
        scorer: scores faces.
        store: takes the records.
        min_confidence: emotions must be greater than this, 0 to 100.
        on_scored: called with each crop that was scored, or is of an object.
    """

    def __init__(
        self,
        folder: FolderUplink,
        scorer: LocalScorer,
        store: Store,
        *,
        min_confidence: float,
        on_scored: Callable[[ScoredCrop], None],
    ) -> None:
        self._folder = folder
        self._scorer = scorer
        self._store = store
        self._min_confidence = min_confidence
        self._on_scored = on_scored

    def put(self, key: str, jpeg: bytes) -> None:
        """Store and score a crop; doing so again changes nothing."""
        self._folder.put(key, jpeg)
        scored = seen_object(key) or self._scored(key, jpeg)
        try:
            self._store.put(scored)
        except StoreError as error:  # the agent tries again what an uplink did not take
            raise UplinkError(error.path, error.reason) from error
        self._on_scored(scored)

    def _scored(self, key: str, jpeg: bytes) -> ScoredCrop:
        response = self._scorer.detect_faces(decode_image(jpeg))
        now = datetime.now(timezone.utc)
        return score_crop(key, response, event_time=now, min_confidence=self._min_confidence)


@attrs.define
class _Meter:
    """Measures frames as they pass."""

    first: float | None = None  # the times of the first frame and the last
    last: float = 0.0
    sampled: int = 0
    sampled_bytes: int = 0
    seen: int = 0

    def see(self, frame: Frame) -> None:
        if self.seen % SAMPLE_EVERY == 0:
            try:
                self.sampled_bytes += len(encode_jpeg(frame.image))
                self.sampled += 1
            except ImageError:
                pass  # too large for a JPEG: what it would take is not known
        self.seen += 1
        self.first = frame.time if self.first is None else self.first
        self.last = frame.time

    @property
    def frame_bytes(self) -> float:
        return self.sampled_bytes / self.sampled if self.sampled else 0.0

    @property
    def seconds(self) -> float:
        return 0.0 if self.first is None else self.last - self.first

    @property
    def started_at(self) -> datetime | None:
        return None if self.first is None else datetime.fromtimestamp(self.first, timezone.utc)


def run_pipeline(
    settings: DeviceSettings,
    out: Path,
    *,
    emotion_model: str | None = None,
    every: int = 1,
    min_confidence: float = 10.0,
    on_open: Callable[[Camera], None] | None = None,
    on_frame: Callable[[Stats], None] | None = None,
    preview: Preview | None = None,
    real_time: bool = False,
) -> Run:
    """Run a source to its end, or until Ctrl-C, and keep what came of it in a folder.

    The second Ctrl-C (some senders deliver the first one twice) changes nothing; the third gives
    up.

    Crops are under `faces/`, records in `records.sqlite`. A folder that was used before gets one
    run more; nothing in it is overwritten.

    Args:
        settings: the camera's name, source, detector and policy.
        out: the folder.
        emotion_model: an ONNX file; without it smiles are told from none.
        every: look at one in so many frames.
        min_confidence: emotions must be greater than this, 0 to 100.
        on_open: called once with the camera.
        on_frame: called after each frame with the figures so far, by another thread, and once more
            at the end.
        preview: shows the frames, and is told when the source has ended; it is left open.
        real_time: whether a recording is played in its own time, for somebody to watch.

    Returns:
        What is kept of the run in the store. A recording that fails, breaks off or is interrupted
        ends the run with what was done until then, and its `problem` says why; so it does where
        pictures could not be read.

    Raises:
        FacepipeError: when the source, a model or the folder cannot be used.
        KeyboardInterrupt: when given up, while the agent's threads may still be at work.
    """
    preview = preview or Preview()
    scorer = open_scorer(emotion_model)
    detector = detector_of(settings)

    def opened() -> Camera:
        camera = open_camera(settings.source)
        if every > 1:
            camera = EveryNth(camera, every)
        return RealTime(camera) if real_time and not camera.live else camera

    camera = opened()
    meter = _Meter()
    try:
        folder = FolderUplink(_folder(out))
        store = Store(out, create=True)
    except FacepipeError:
        camera.close()
        raise
    with store:
        run = Run(
            run=secrets.token_hex(4),
            started_at=datetime.now(timezone.utc),
            source=without_secrets(camera.source),
            camera=settings.camera,
            live=camera.live,
            detector=settings.detector,
            scorer=scorer.name,
            limits=scorer.limits,
            resend_seconds=settings.resend_seconds,
            labels=detector.labels,
        )

        def frame_seen(frame: Frame, look: Look) -> None:
            meter.see(frame)
            if on_frame is not None:
                on_frame(agent.stats)
            preview.show(frame, look)

        agent = Agent(
            settings.camera,
            camera,
            CropPicker(
                settings.camera,
                run.run,
                detector,
                resend_seconds=settings.resend_seconds,
                stills=camera.stills,
            ),
            ScoringUplink(
                folder, scorer, store, min_confidence=min_confidence, on_scored=preview.scored
            ),
            open_camera=opened if camera.live else None,
            max_fps=settings.max_fps,
            on_frame=frame_seen,
        )
        preview.follow(lambda: agent.stats)
        store.put_run(run)
        if on_open is not None:
            on_open(camera)
        started = time.monotonic()
        problem = ""
        try:
            with _stopped_by_ctrl_c(agent) as interrupts:
                agent.run()
        except CameraError as error:
            if not agent.stats.frames:
                store.drop_run(run)
                raise
            problem = str(error)
        else:
            frames, total = agent.stats.frames, camera.total
            if interrupts and not camera.live and frames != total:
                of_all = "" if total is None else f" of {total:,}"
                problem = f"{INTERRUPTED} after {frames:,}{of_all} frames"
            elif agent.stats.unseen:
                problem = process.loss(agent.stats) or ""
            elif not camera.live:
                problem = _missing(camera)
        preview.end()
        if on_frame is not None:  # the last crops come after the last frame
            on_frame(agent.stats)
        run = _figures(run, agent.stats, meter, time.monotonic() - started)
        run = attrs.evolve(run, problem=problem)
        store.put_run(run)
    return run


def camera_name_of(source: str) -> str:
    """A camera's name for a source whose camera nobody named.

    Example:
        >>> [camera_name_of(s) for s in ("demo", "0", "clips/Hall 1.mp4", "rtsp://door.lan:554/1")]
        ['demo', 'camera-0', 'Hall-1', 'door.lan']
    """
    if source.isdigit():
        return f"camera-{source}"
    try:
        name = urlsplit(source).hostname if "://" in source else Path(source).resolve().stem
    except ValueError:  # half of an IPv6 address
        name = None
    return re.sub(r"[^\w.-]+", "-", name or "").strip("-.")[:64] or "camera"


def _folder(out: Path) -> Path:
    try:
        is_file = out.exists() and not out.is_dir()
    except OSError as error:  # a name that is too long, say
        reason = f"{error.strerror or error}; name another folder with --out"
        raise StoreError(str(out), reason) from error
    if is_file:
        raise StoreError(str(out), "it is a file; name a folder with --out")
    return out


@contextmanager
def _stopped_by_ctrl_c(agent: Agent) -> Iterator[list[int]]:
    """Ctrl-C stops the agent, and does not break into what it finishes. Gives the signals."""
    signals: list[int] = []

    def stop(signum: int, _: FrameType | None) -> None:
        signals.append(signum)
        if len(signals) == 1:  # only then: the second may come while the first is at it
            agent.stop()
        if len(signals) > 2:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield signals  # Python gives signals to the main thread only
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGINT, before)


def _missing(camera: Camera) -> str:
    """What a recording that has come to its end has not given."""
    if camera.skipped:
        what = "picture" if camera.stills else "frame"
        return f"{plural(camera.skipped, what)} could not be read"
    return camera.cut


def _figures(run: Run, stats: Stats, meter: _Meter, seconds: float) -> Run:
    return attrs.evolve(
        run,
        started_at=meter.started_at or run.started_at,
        finished=True,
        seconds=seconds,
        recorded_seconds=meter.seconds,
        frames=stats.frames,
        faces=stats.faces,
        people=stats.people,
        objects=stats.objects,
        things=stats.things,
        crops=stats.uploaded,
        bytes_sent=stats.bytes_uploaded,
        frame_bytes=meter.frame_bytes,
        lost=stats.failed + stats.dropped,
    )
