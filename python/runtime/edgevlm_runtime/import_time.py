"""How long importing takes within something else: Transformers imports most of itself when it is first asked for it."""

from __future__ import annotations

import builtins
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any


class ImportTime:
    """Adds up what imports of the thread take that enters it."""

    def __init__(self) -> None:
        self.total_ms = 0.0
        self._is_inside = False

    def __enter__(self) -> ImportTime:
        self._thread = threading.get_ident()
        self._own = (builtins.__import__, importlib.import_module)
        builtins.__import__ = self._timed(builtins.__import__)
        importlib.import_module = self._timed(importlib.import_module)
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__, importlib.import_module = self._own

    def _timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            # An import imports; the outermost counts.
            if self._is_inside or threading.get_ident() != self._thread:
                return work(*args, **kwargs)
            self._is_inside = True
            start = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                self.total_ms += (time.perf_counter() - start) * 1000
                self._is_inside = False

        return timed
