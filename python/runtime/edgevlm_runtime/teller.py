"""Tells what was chosen without taking the model's time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")

# As smooth as a reader can see. A message for each token would wake EdgeVLM's process in every step, which then shares the processors
# with the threads of the next one.
PERIOD_S = 0.05


class Teller(Generic[Item]):
    """Hands items over: the first at once, the others together, twenty times a second, on a thread of its own."""

    def __init__(self, tell: Callable[[Sequence[Item]], None]) -> None:
        self._tell = tell
        self._waiting: deque[Item] = deque()
        self._is_first = True
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        # The thread would get its turn late, while the next step is computed; the first item is what somebody waits for.
        if self._is_first:
            self._is_first = False
            self._tell([item])
        else:
            self._waiting.append(item)

    def finish(self) -> None:
        """Returns when all is told; raises what telling raised."""
        self._ended.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            is_last = False
            while not is_last:
                # What is put before it ends is told.
                is_last = self._ended.wait(PERIOD_S)
                if items := [self._waiting.popleft() for _ in range(len(self._waiting))]:
                    self._tell(items)
        except Exception as error:  # noqa: BLE001
            self._failure = error
