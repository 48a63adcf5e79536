"""AWS on loopback: moto, made strict, with what it lacks for this project's stack.

    python -m tests.emulator                 until SIGTERM; prints where it is, then its log
    with emulator.running() as aws: ...      in tests

See `client.Emulator` for what a test may ask of it.
"""

from tests.emulator.client import ROOT_KEYS, Emulator, running

__all__ = ["ROOT_KEYS", "Emulator", "running"]
