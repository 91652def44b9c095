"""Serves requests, one after the other, until it is told to stop or nobody is there any more."""

from __future__ import annotations

import platform
import time

import torch
import transformers

from .connection import Connection, Requests
from .failure import as_failure
from .generate import generate
from .load import Model, load_model
from .own_code import answer_by_own_code
from .protocol import VERSION, Done, Error, Generate, Ready, Stop


def serve(connection: Connection, requests: Requests, import_ms: float) -> None:
    """`import_ms` is how long importing what is imported here took."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    connection.send(Ready(VERSION, platform.python_version(), torch.__version__, transformers.__version__, import_ms))
    model: Model | None = None
    while True:
        request, arrived = requests.waiting.get()
        if isinstance(request, Stop):
            return
        try:
            if isinstance(request, Generate):
                connection.send(answer(connection, requests, model, request, arrived))
            else:
                model = None
                model, loaded = load_model(request)
                connection.send(loaded)
        # Whatever it is, the next request may do better.
        except Exception as error:  # noqa: BLE001
            failure = as_failure(error)
            connection.send(Error(request.id, failure.code, str(failure)))
        finally:
            requests.forget(request.id)


def answer(connection: Connection, requests: Requests, model: Model | None, request: Generate, arrived: float) -> Done:
    if model is None:
        raise RuntimeError("no model is loaded")
    queue_ms = (time.perf_counter() - arrived) * 1000
    work = generate if model.own_code is None else answer_by_own_code
    return work(model, request, queue_ms, requests.cancellation(request.id), connection.send)
