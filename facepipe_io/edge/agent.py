"""The agent: camera to crops to uplink, in stages that do not wait for one another.

    camera --newest frame--> picker --crops--> uploader
                               `------messages--> reporter

Each stage is a thread. A live camera's frame that nobody takes is replaced by the next one; the
frames of a file wait to be taken, so that the same file gives the same crops every time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Callable

from facepipe.errors import FacepipeError
from facepipe.keys import FACE_LABEL
from facepipe.sampling import face_predictions
from facepipe_io.edge.bus import Bus
from facepipe_io.edge.cameras.watch import CameraWatch
from facepipe_io.edge.handover import Handover
from facepipe_io.edge.reporter import Reporter
from facepipe_io.edge.resilience import Pace, Trouble, backoff
from facepipe_io.edge.stats import Stats
from facepipe_io.edge.uplink.uploader import Uploader
from facepipe_io.errors import EndpointError, SettingsError
from facepipe_io.text import one_line

if TYPE_CHECKING:
    from facepipe_io.edge.cameras import Camera, Frame
    from facepipe_io.edge.feedback import Feedback
    from facepipe_io.edge.picker import Crop, Look, Picker
    from facepipe_io.edge.uplink import Uplink
    from facepipe_io.edge.uplink.spool import Spool

log = logging.getLogger(__name__)

#: How long a stop waits for a camera or a bus that hangs.
HANG_SECONDS = 5.0
#: How often a thread that joins wakes up. A signal may meet another thread, and its handler waits
#: until the main one is awake.
SIGNAL_SECONDS = 1.0
#: Tries of a recording's frame with an endpoint that does not answer.
LOOK_TRIES = 5
#: How long after a stop crops are still sent that the spool keeps anyway; and those that nothing
#: keeps, if the uplink fails.
STOP_SECONDS = 30.0


class Agent:
    """Runs a camera until it ends or the agent is stopped.

    A live camera that fails is opened again, with growing pauses; an upload that fails is tried
    again. Nothing but `stop`, or a fault in facepipe itself, ends the agent before its camera does.

    Args:
        name: the camera's name, in keys and messages.
        camera: an open camera, closed at the end; or None to let the agent open it.
        picker: looks at the frames, and decides what is sent.
        uplink: takes the crops. It is called by as many threads as it says.
        open_camera: opens a live camera, at first or again. Without it a failure is the end. What
            it opens may turn out not to be live; it is then not opened again.
        spool: where crops wait for the uplink, closed at the end; None for memory.
        spool_bytes: of the crops in it. Beyond them the oldest is dropped.
        bus: takes the messages, closed at the end.
        max_fps: frames of a live camera looked at per second.
        feedback: makes what keeps frames for labelling, out of what takes them and what is told of
            faults: the last arguments of `Feedback`.
        on_frame: called by the picker's thread with each frame looked at and what came of it.
            What it raises is counted, and logged once.
        backoff_seconds: the first pause after a failure; each next one is twice as long.
        clock: seconds that never step back, for rates and uptime.
    """

    def __init__(
        self,
        name: str,
        camera: Camera | None,
        picker: Picker,
        uplink: Uplink,
        *,
        open_camera: Callable[[], Camera] | None = None,
        spool: Spool | None = None,
        spool_bytes: float = 256e6,
        bus: Bus | None = None,
        max_fps: float = 15.0,
        feedback: Callable[..., Feedback] | None = None,
        on_frame: Callable[[Frame, Look], None] | None = None,
        backoff_seconds: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if camera is None and open_camera is None:
            raise TypeError("give a camera, or open_camera to open it with")
        self._camera = camera
        self._cameras: CameraWatch | None = None
        if open_camera is not None:
            # One that is open already is the first that it "opens", so that it is watched, too.
            given, self._camera = [camera] if camera else [], None
            self._cameras = CameraWatch(lambda: given.pop() if given else open_camera())
        self._camera_counts = (0, 0)
        self._live = camera is None or camera.live
        self._picker = picker
        self._pace = Pace(max_fps)
        self._on_frame = on_frame
        self._backoff_seconds = backoff_seconds
        self._clock = clock

        self._lock = threading.RLock()  # a signal's handler may ask for the figures
        self._counts: Counter[str] = Counter()
        self._last_error: str | None = None
        self._last_uplink_error: str | None = None
        self._faults: list[BaseException] = []
        self._told_of_closing = False
        self._stopping = threading.Event()
        self._looking_since: float | None = None
        self._showing = Trouble("preview")
        self._finding = Trouble("detector")
        self._pauses = backoff(backoff_seconds)
        self._kinds: set[type[BaseException]] = set()
        self._shape: tuple[int, ...] = ()

        self._frames: Handover[Frame] = Handover(1, lossy=self._live)
        self._uploader = Uploader(
            uplink,
            spool,
            max_bytes=spool_bytes,
            lossy=self._live,
            count=self._count,
            backoff_seconds=backoff_seconds,
            clock=clock,
        )
        self._feedback = feedback and feedback(self._uploader.put_sample, count=self._count)
        bus = Bus() if bus is None else bus
        self._reporter = Reporter(name, bus, lambda: self.stats, count=self._count, clock=clock)
        stages = {
            "watch": self._watch,
            "detect": self._detect,
            "upload": self._uploader.run,
            "report": self._reporter.run,
        }
        self._threads = [
            threading.Thread(target=self._guard, args=(stage,), name=name, daemon=True)
            for name, stage in stages.items()
        ]

    def run(self) -> Stats:
        """Run to the end: `start`, then `join`."""
        self.start()
        return self.join()

    def start(self) -> None:
        """Start the stages and return."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more frames. What was decided on is uploaded or left in the spool; `join` waits.

        Fit for a signal handler in a thread that does nothing but `run` or `join`.
        """
        if not self._stopping.is_set():
            self._uploader.hurry(self._clock() + STOP_SECONDS)
        self._stopping.set()
        self._frames.close()
        if self._cameras is not None:
            self._cameras.close()

    def join(self) -> Stats:
        """Wait until every crop is uploaded, left in the spool, or given up.

        Returns:
            The final figures.

        Raises:
            CameraError: when a camera that is not live failed on the way.
        """
        watch, detect, upload, report = self._threads
        for stage in (detect, upload):
            while stage.is_alive():
                stage.join(SIGNAL_SECONDS)
        self._reporter.close()
        report.join(HANG_SECONDS)
        watch.join(HANG_SECONDS)
        if self._faults:
            raise self._faults[0]
        return self.stats

    @property
    def stats(self) -> Stats:
        """The figures so far, from any thread."""
        with self._lock:
            last, uplink = self._last_error, self._last_uplink_error
            return Stats(
                model=self._picker.model,
                model_errors=self._picker.model_errors,
                last_error=last,
                last_uplink_error=uplink,
                **self._counts,
            )

    @property
    def seconds_at_one_frame(self) -> float:
        """How long one frame has been looked at, crops put into the spool; long means a hang."""
        since = self._looking_since
        return 0.0 if since is None else self._clock() - since

    def _watch(self) -> None:
        """The camera's stage."""
        trouble = Trouble("camera")
        delays = backoff(self._backoff_seconds)
        try:
            while not self._stopping.is_set():
                try:
                    camera = self._opened()
                    try:
                        frame = camera.read()
                    finally:
                        self._count_frames(camera)
                # A camera left alone for a year survives whatever its driver throws.
                except Exception as error:
                    hopeless = isinstance(error, SettingsError) or not self._live
                    if hopeless or self._cameras is None:
                        raise
                    self._count(error, camera_errors=1)
                    trouble.begins(error)
                    self._close_camera()
                    self._stopping.wait(next(delays))
                    continue
                if frame is None:
                    break
                trouble.ends()
                if frame.image.shape != self._shape:
                    self._shape = frame.image.shape
                    log.info("camera: frames of %dx%d", self._shape[1], self._shape[0])
                delays = backoff(self._backoff_seconds)
                too_soon = self._live and not self._pace.is_due(frame.time)
                if too_soon or self._frames.put(frame) is not None:
                    self._count(skipped=1)
        finally:
            self._frames.close()
            self._close_camera()

    def _opened(self) -> Camera:
        """The camera, opened if need be."""
        if self._camera is None:
            assert self._cameras is not None  # noqa: S101 - for the type checker
            self._camera = self._cameras.open()
            self._camera_counts = (0, 0)
            # Behind a URL there may be a recording, and only once it is open can one tell.
            self._live = self._frames.lossy = self._uploader.lossy = self._camera.live
        return self._camera

    def _count_frames(self, camera: Camera) -> None:
        """Count what the camera could not give."""
        counts = (camera.skipped, camera.missed)
        unusable, skipped = (now - then for now, then in zip(counts, self._camera_counts))
        self._camera_counts = counts
        self._count(unusable=unusable, skipped=skipped)

    def _close_camera(self) -> None:
        camera, self._camera = self._camera, None
        try:
            if camera is not None:
                camera.close()
        # It is to be opened anew or never needed again; a driver's last words change nothing.
        except Exception as error:
            self._count(error, camera_errors=1)
            if not self._told_of_closing:
                self._told_of_closing = True
                log.exception("the camera could not be closed; going on")

    def _detect(self) -> None:
        """The picker's stage."""
        last_time = 0.0
        try:
            while True:
                self._looking_since = None
                frame = self._frames.take()
                if frame is None:
                    break
                last_time = frame.time
                self._count(frames=1)
                look = self._look(frame)
                if look is None:
                    continue
                faces = len(look.detections) - look.objects
                self._count(faces=faces, objects=look.objects, still=int(look.still))
                self._count(crops=look.lost, dropped=look.lost)
                self._send(look.crops)
                self._keep(frame, look)
                self._show(frame, look)
                self._reporter.tell(frame, look)
        finally:
            try:
                self._send(self._flush(last_time))
            finally:
                self._uploader.close()

    def _look(self, frame: Frame) -> Look | None:
        """What comes of a frame; None if looking failed."""
        delays = backoff(self._backoff_seconds)
        for tries_left in reversed(range(LOOK_TRIES)):
            self._looking_since = self._clock()
            try:
                look = self._picker.look(frame)
            except EndpointError as error:
                self._looking_since = None  # a pause is no hang
                self._count(error, detector_errors=1)
                self._finding.begins(error)
                # Of a live camera the frame that is the newest then is worth more than this one.
                pause = next(self._pauses if self._live else delays)
                if self._stopping.wait(0.0 if self._finding.given_up else pause) or self._live:
                    return None
                if self._finding.given_up:
                    break
                # Once a frame of a recording was given up, those behind it are tried once each.
                self._finding.given_up = not tries_left
            # Detectors are other people's code, and one bad frame is no reason to stop.
            except Exception as error:
                self._count(error, detector_errors=1)
                if type(error) not in self._kinds:
                    self._kinds.add(type(error))
                    log.exception("looking for faces failed; going on with the next frame")
                return None
            else:
                if not look.still:  # or nothing was asked, so nobody has answered
                    self._finding.ends()
                    self._pauses = backoff(self._backoff_seconds)
                return look
        self._count(unseen=1)
        return None

    def _flush(self, last_time: float) -> list[Crop]:
        """What is still to be sent; what an endpoint has, it keeps if it does not answer now."""
        try:
            return self._picker.flush(last_time)
        except EndpointError as error:
            self._count(error, detector_errors=1)
            log.warning("the last crops may be missing: %s", one_line(error))
            return []

    def _keep(self, frame: Frame, look: Look) -> None:
        """Offer a frame that was really looked at to the feedback loop."""
        if self._feedback is None or look.still:
            return
        if look.probabilities is not None:
            self._feedback.offer(frame.image, frame.time, [look.probabilities.tolist()])
            return
        found = look.detections
        said = face_predictions(found.scores.tolist())
        self._feedback.offer(frame.image, frame.time, said, found, look.labels)

    def _show(self, frame: Frame, look: Look) -> None:
        if self._on_frame is None:
            return
        try:
            self._on_frame(frame, look)
        # Who watches, a progress bar say, must not end what is watched.
        except Exception as error:
            self._count(error, observer_errors=1)
            if isinstance(error, FacepipeError):
                self._showing.begins(error)
            elif self.stats.observer_errors == 1:
                log.exception("who watches the frames failed; going on")
        else:
            self._showing.ends()

    def _send(self, crops: list[Crop]) -> None:
        for crop in crops:
            first = int(crop.shot == 0)
            if crop.label == FACE_LABEL:
                self._count(crops=1, people=first)
            else:
                self._count(crops=1, things=first)
            if crop.jpeg:
                self._uploader.put(crop.key, crop.jpeg)
            else:
                self._count(uploaded=1)

    def _count(self, error: BaseException | None = None, **more: int) -> None:
        with self._lock:
            self._counts.update(more)
            if error is not None:
                self._last_error = one_line(error)
                if "uplink_errors" in more:
                    self._last_uplink_error = self._last_error

    def _guard(self, stage: Callable[[], None]) -> None:
        """Run a stage; when it breaks down, let the others finish and keep the fault."""
        try:
            stage()
        except BaseException as fault:  # noqa: BLE001 - `join` raises it
            self._faults.append(fault)
            self.stop()
