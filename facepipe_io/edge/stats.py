"""What an agent has done so far, in figures."""

from __future__ import annotations

import attrs


@attrs.frozen
class Stats:
    """What an agent has done so far.

    Attributes:
        frames: frames looked at.
        skipped: frames that came too fast to be looked at.
        unusable: frames that were damaged, of zero size, or of a clock that was not set.
        still: frames of those looked at that the detector was spared, since nothing had changed.
        unseen: frames of a recording that were given up, since the endpoint did not answer.
        faces: faces found, each in every frame.
        people: people of whom a crop was made.
        objects: what else was found, each in every frame.
        things: things, other than people, of which a crop was made.
        crops: crops made.
        recovered: crops that an earlier start had left in the spool.
        uploaded: crops stored.
        dropped: crops lost because too many were waiting.
        failed: crops given up because the uplink did not take them.
        refused: times that a crop was left for later because the uplink takes others, but not it.
        damaged: crops of which the spool had only a part, at the start.
        foreign: files in the spool that are not facepipe's, at the start.
        samples: files made of frames that are kept for labelling, two of each: a picture and a
            record.
        samples_stored: of these files, and of those that an earlier start had left, the stored.
        samples_dropped: likewise the lost: the spool had no room, or the uplink did not take them.
        bytes_uploaded: bytes of the crops stored.
        bytes_waiting: bytes of the crops that wait for the uplink.
        camera_errors: times that the camera could not be opened or read.
        detector_errors: frames in which looking for faces failed.
        uplink_errors: uploads that failed, to be tried again or given up.
        disk_errors: times that the spool could not be written to or read.
        bus_errors: messages that could not be published.
        observer_errors: frames over which who watches the agent failed.
        model_errors: times that a published model could not be fetched, or a version not be used.
        model: the version of it in use; empty where there is none.
        last_error: what went wrong last, in one line.
        last_uplink_error: what went wrong last with the uplink.
    """

    frames: int = 0
    skipped: int = 0
    unusable: int = 0
    still: int = 0
    unseen: int = 0
    faces: int = 0
    people: int = 0
    objects: int = 0
    things: int = 0
    crops: int = 0
    recovered: int = 0
    uploaded: int = 0
    dropped: int = 0
    failed: int = 0
    refused: int = 0
    damaged: int = 0
    foreign: int = 0
    samples: int = 0
    samples_stored: int = 0
    samples_dropped: int = 0
    bytes_uploaded: int = 0
    bytes_waiting: int = 0
    camera_errors: int = 0
    detector_errors: int = 0
    uplink_errors: int = 0
    disk_errors: int = 0
    bus_errors: int = 0
    observer_errors: int = 0
    model_errors: int = 0
    model: str = ""
    last_error: str | None = None
    last_uplink_error: str | None = None

    def __str__(self) -> str:
        """The figures that are not 0, as people read them."""
        figures = attrs.asdict(self).items()
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures if value)

    @property
    def waiting(self) -> int:
        """Crops that wait for the uplink."""
        return self.crops + self.recovered - self.uploaded - self.lost

    @property
    def lost(self) -> int:
        """Crops that will never be stored."""
        return self.dropped + self.failed
