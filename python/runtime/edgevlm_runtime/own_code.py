"""Models that answer by methods of their own, as those of vikhyatk/moondream2 do, and not by `generate`."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from .connection import Send, clock_ms
from .failure import Failure
from .pictures import decode_picture
from .protocol import Done, Generate, Sampling, Token

if TYPE_CHECKING:
    from .load import Model


@dataclass(frozen=True)
class OwnCode:
    """What was found of `caption(picture, length=…)["caption"]`, `query(picture, question)["answer"]` and, of older releases,
    `answer_question(encode_image(picture), question, tokenizer)`."""

    caption: Callable[..., Any] | None
    query: Callable[..., Any] | None
    encode_image: Callable[..., Any] | None
    answer_question: Callable[..., Any] | None

    @property
    def needs_tokenizer(self) -> bool:
        return self.query is None


def find_own_code(network: Any) -> OwnCode | None:
    """By its methods, because each release has another class. None for a model that is asked by `generate`."""
    caption, query, encode_image, answer_question = (
        method if callable(method := getattr(network, name, None)) else None
        for name in ("caption", "query", "encode_image", "answer_question")
    )
    if query is None and (encode_image is None or answer_question is None):
        return None
    return OwnCode(caption, query, encode_image, answer_question)


def answer_by_own_code(model: Model, request: Generate, queue_ms: float, cancel: threading.Event, send: Send) -> Done:
    """A picture with words is a question; one without is captioned. Pieces of text are sent as they come, where the code streams."""
    own = model.own_code
    if own is None or request.forced is not None:
        raise Failure("MODEL_UNSUPPORTED", "the model's own code does not tell logits")
    picture, question = one_question(request)
    start = clock_ms()
    image = decode_picture(picture)
    prepared = clock_ms()
    warnings: list[str] = []
    pieces: list[str] = []
    times: list[float] = []
    with torch.inference_mode():
        # What it gives is taken by all other methods in place of the picture.
        encoded = image if own.encode_image is None else own.encode_image(image)
        encoded_at = clock_ms()
        for piece in () if cancel.is_set() else answer(model, own, encoded, question, request, warnings):
            now_ms = clock_ms()
            times.append(now_ms)
            pieces.append(piece)
            send(Token(request.id, None, piece, now_ms))
            if cancel.is_set():
                break
    # Pieces are words or the whole answer, not tokens.
    count = None if model.tokenizer is None or len(pieces) < 2 else len(model.tokenizer.encode("".join(pieces), add_special_tokens=False))
    return Done(
        id=request.id,
        finish_reason="cancelled" if cancel.is_set() else "length" if (count or len(pieces)) >= request.max_tokens else "stop",
        prompt_tokens=None,
        completion_tokens=count,
        image_tokens=None,
        queue_ms=queue_ms,
        tokenise_ms=0.0,
        prepare_ms=prepared - start,
        encode_ms=None if own.encode_image is None else encoded_at - prepared,
        prefill_ms=times[0] - encoded_at if times else None,
        decode_ms=times[-1] - times[0] if times else 0.0,
        warnings=warnings,
    )


def one_question(request: Generate) -> tuple[bytes, str]:
    parts = [part for message in request.messages or () for part in message.content]
    pictures = [part.picture for part in parts if part.picture is not None]
    if len(request.messages or ()) != 1 or len(pictures) != 1:
        raise Failure("MODEL_UNSUPPORTED", "this model's own code answers one question about one picture")
    return pictures[0], "".join(part.text or "" for part in parts).strip()


def answer(model: Model, own: OwnCode, image: Any, question: str, request: Generate, warnings: list[str]) -> Iterable[str]:
    if question == "" and own.caption is not None:
        method, arguments, key = own.caption, (image,), "caption"
        options: dict[str, Any] = {"length": "normal"}
    elif own.query is not None:
        method, arguments, key = own.query, (image, question or "Describe the picture."), "answer"
        options = {}
    elif own.answer_question is not None:
        method, arguments, key = own.answer_question, (image, question or "Describe the picture.", model.tokenizer), None
        options = {}
    else:
        raise Failure("MODEL_UNSUPPORTED", "the model's own code has no method that answers")
    known = inspect.signature(method).parameters
    if "settings" in known:
        options["settings"] = settings_of(request.sampling, request.max_tokens)
    else:
        warnings.append("the model's own code decides how long its answers are and how they are sampled")
    if "stream" in known:
        options["stream"] = True
    said = method(*arguments, **options)
    return whole(said if key is None else said[key])


def whole(said: Any) -> Iterable[str]:
    return (said,) if isinstance(said, str) else said


def settings_of(sampling: Sampling, max_tokens: int) -> dict[str, Any]:
    if sampling.temperature <= 0:
        return {"max_tokens": max_tokens, "temperature": 0.0}
    torch.manual_seed(sampling.seed)
    return {"max_tokens": max_tokens, "temperature": sampling.temperature, "top_p": sampling.top_p}
