"""Both ends of this process's pipe to EdgeVLM."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from typing import BinaryIO, Protocol

from .protocol import LONGEST_LINE, AskTime, Cancel, Generate, Load, Outgoing, ProtocolError, Stop, Time, encode, parse


class Send(Protocol):
    """Sends messages together."""

    def __call__(self, *messages: Outgoing) -> None: ...


class Connection:
    """Messages to EdgeVLM; what libraries print goes to standard error instead."""

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()

    def send(self, *messages: Outgoing) -> None:
        lines = b"".join(map(encode, messages))
        with self._lock:
            self._output.write(lines)
            self._output.flush()


def clock_ms() -> float:
    """The clock of every time that is told."""
    return time.perf_counter() * 1000


class Requests:
    """Reads on a thread of its own, so that a request can be cancelled while it is answered."""

    def __init__(self, source: BinaryIO, connection: Connection) -> None:
        self._connection = connection
        self.waiting: queue.SimpleQueue[tuple[Load | Generate | Stop, float]] = queue.SimpleQueue()
        self._source = source
        self._cancelled: dict[int, threading.Event] = {}

    def start(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def cancellation(self, id: int) -> threading.Event:
        return self._cancelled.setdefault(id, threading.Event())

    def forget(self, id: int) -> None:
        self._cancelled.pop(id, None)

    def _read(self) -> None:
        while line := self._source.readline(LONGEST_LINE + 1):
            try:
                if len(line) > LONGEST_LINE:
                    raise ProtocolError("a line is too long")
                message = parse(line)
            except ProtocolError as error:
                # Without saying what stood in it. Nothing that comes after a broken line can be trusted.
                print(f"ProtocolError: {error}", file=sys.stderr, flush=True)
                os._exit(65)
            if isinstance(message, Cancel):
                # One that comes after the answer is for nobody.
                if message.id in self._cancelled:
                    self._cancelled[message.id].set()
            elif isinstance(message, AskTime):
                self._connection.send(Time(message.id, clock_ms()))
            else:
                if isinstance(message, Generate):
                    self.cancellation(message.id)
                self.waiting.put((message, time.perf_counter()))
        # EdgeVLM is gone: at once, whatever is being computed.
        os._exit(0)
