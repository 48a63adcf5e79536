"""Writes down, before and after, what the device's spool takes in and what its bound drops.

Python imports this at its start when this folder is on its path. LEDGER names the file; each line
is `about <key>`, `kept <key>` or `dropped <key>`, and is there whatever becomes of the process.
"""

import os

from facepipe_io.edge.uplink.backlog import Backlog
from facepipe_io.edge.uplink.spool import Spool

_ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_write, _drop = Spool.write, Backlog.drop


def _note(what, key):
    os.write(_ledger, (what + " " + key + "\n").encode())


def write(self, key, jpeg):
    _note("about", key)
    _write(self, key, jpeg)
    _note("kept", key)


def drop(self):
    dropped = _drop(self)
    for parcel in dropped:
        _note("dropped", parcel.key)
    return dropped


Spool.write, Backlog.drop = write, drop
