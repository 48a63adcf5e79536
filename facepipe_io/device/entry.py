"""A file of a bundle."""

from __future__ import annotations

import attrs


@attrs.frozen
class Entry:
    """A file of a bundle.

    Attributes:
        name: its path there.
        data: its bytes.
        about: what it is, for people.
    """

    name: str
    data: bytes = attrs.field(repr=False)  # a private key, for one
    about: str
