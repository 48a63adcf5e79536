"""Handing things from one thread to the next."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A bounded queue between a thread that puts and a thread that takes.

    When it is full, a lossy one drops its oldest item at once, and any other makes `put` wait.

    Args:
        capacity: how many items it holds, at least 1.
        lossy: whether to drop; may be set anew before the first item is put.

    Example:
        >>> newest = Handover(1, lossy=True)
        >>> newest.put("old"), newest.put("new"), newest.take()
        (None, 'old', 'new')
        >>> newest.close()
        >>> newest.take() is None, newest.closed
        (True, True)
    """

    def __init__(self, capacity: int, *, lossy: bool) -> None:
        self._capacity = capacity
        self.lossy = lossy
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> T | None:
        """Add an item.

        Returns:
            The item that was dropped for it, the item itself once this is closed, else None.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not (self.lossy or self._closed):
                self._changed.wait()
            if self._closed:
                return item
            lost = self._items.popleft() if len(self._items) >= self._capacity else None
            self._items.append(item)
            self._changed.notify_all()
            return lost

    def take(self, timeout: float | None = None) -> T | None:
        """The oldest item; waits for one. None when it is closed and empty, or after `timeout`."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Take nothing more. What is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def __len__(self) -> int:
        return len(self._items)
