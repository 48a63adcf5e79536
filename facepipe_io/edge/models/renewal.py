"""The newest version of a published model, taken up between frames, and given up if it fails.

renewal thread: asks S3 every five minutes, opens what is new, and opens the one before it again
picker's thread: goes over to what was opened, between two frames
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from functools import partial
from typing import TYPE_CHECKING, Callable

import attrs

from facepipe.errors import FacepipeError
from facepipe_io.edge.picker import Picker
from facepipe_io.edge.resilience import Trouble
from facepipe_io.text import one_line

if TYPE_CHECKING:
    from facepipe_io.edge.cameras import Frame
    from facepipe_io.edge.detectors.base import Detector
    from facepipe_io.edge.models.published import PublishedModel
    from facepipe_io.edge.models.store import KeptVersion
    from facepipe_io.edge.picker import Crop, Look

log = logging.getLogger(__name__)

RENEW_SECONDS = 300.0
#: A new version that fails on so many frames, its first ones, is given up.
TRIAL_FRAMES = 10
#: How long the end waits for the thread, which may be fetching.
STOP_SECONDS = 5.0


class RenewingPicker(Picker):
    """Looks at frames with a published model, in whatever version is published then.

    Track numbers begin anew with each version, and so there is another run, too.

    Args:
        model: what is published. It is asked for anew from the start on; what this machine has
            already serves until then.
        open_model: opens a version: given what runs it, as in FACEPIPE_DETECTOR, and the path of
            its .onnx file.
        make_picker: makes the picker that uses a detector, given the run.
        run: of the first version, as in `facepipe.CropKey`.
        seconds: how often to look for a new version.
        new_run: gives the runs of later versions.

    Raises:
        ModelError: when there is no version that can be used.
    """

    def __init__(
        self,
        model: PublishedModel,
        open_model: Callable[[str, str], Detector],
        make_picker: Callable[[Detector, str], Picker],
        run: str,
        *,
        seconds: float = RENEW_SECONDS,
        new_run: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._published = model
        self._open = open_model
        self._make = make_picker
        self._new_run = new_run
        self._seconds = seconds
        self._version, detector = model.start(open_model, newest=False)
        self._newest = self._version  # of the thread, which may be ahead by what was not yet used
        self._picker = make_picker(detector, run)
        self._ready: tuple[KeptVersion, Picker] | None = None
        self._lock = threading.Lock()
        self._held: list[Crop] = []
        self._on_trial, self._failures = True, 0
        # What came of a version's first frames: why it failed, or empty; None is the end.
        self._verdicts: queue.SimpleQueue[tuple[KeptVersion, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._renew, name="model", daemon=True)
        self._thread.start()

    @property
    def model(self) -> str:
        """The version in use: the first 12 hexadecimal digits of its archive's SHA-256."""
        return self._version.short

    @property
    def model_errors(self) -> int:
        """Times that the model could not be fetched, or a version not be used."""
        return self._published.errors

    def look(self, frame: Frame) -> Look:
        """Look at the next frame."""
        if self._ready is not None:
            self._go_over(frame.time)
        try:
            look = self._picker.look(frame)
        except Exception as error:
            self._failures += 1
            if self._on_trial and self._failures == TRIAL_FRAMES:
                self._on_trial = False
                reason = f"it failed on each of its first {TRIAL_FRAMES} frames: {one_line(error)}"
                self._verdicts.put((self._version, reason))
            raise
        if self._on_trial and not look.still:
            self._on_trial = False
            self._verdicts.put((self._version, ""))
        held, self._held = self._held, []
        return attrs.evolve(look, crops=[*held, *look.crops]) if held else look

    def flush(self, time: float) -> list[Crop]:
        """What is still to be sent, now that no more frames will come; ends the renewal."""
        self._verdicts.put(None)
        self._thread.join(STOP_SECONDS)
        held, self._held = self._held, []
        return [*held, *self._picker.flush(time)]

    def _go_over(self, time: float) -> None:
        """Use what was opened, once the picker before it has given its last crops."""
        self._held += self._picker.flush(time)
        with self._lock:
            ready, self._ready = self._ready, None
        assert ready is not None  # noqa: S101 - for the type checker
        self._version, self._picker = ready
        self._on_trial, self._failures = True, 0

    def _renew(self) -> None:
        """The thread's work."""
        trouble = Trouble("model")
        pause = 0.0
        while True:
            try:
                verdict = self._verdicts.get(timeout=pause)
                if verdict is None:
                    return
                act: Callable[[], None] = partial(self._judge, *verdict)
            except queue.Empty:
                pause, act = self._seconds, partial(self._look_for_new, trouble)
            try:
                act()
            except FacepipeError as error:
                trouble.begins(error)
            # A device that is left alone for a year is to get its models for a year.
            except Exception:
                log.exception("the model could not be renewed; trying again")

    def _look_for_new(self, trouble: Trouble) -> None:
        self._use(self._published.renew(self._newest, self._open))
        trouble.ends()

    def _judge(self, version: KeptVersion, failure: str) -> None:
        if version is not self._newest:  # another one is to be used anyway
            return
        if failure:
            self._use(self._published.go_back(version, failure, self._open))
        else:
            self._published.prove(version)

    def _use(self, opened: tuple[KeptVersion, Detector] | None) -> None:
        """Have the picker's thread go over to what was opened, if anything was."""
        if opened is None:
            return
        self._newest, detector = opened
        picker = self._make(detector, self._new_run())
        with self._lock:
            self._ready = (self._newest, picker)
