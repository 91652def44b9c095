"""Answers one request."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from .connection import Send, clock_ms
from .failure import Failure
from .load import Model
from .pictures import decode_picture
from .protocol import Done, Generate, Logits, Message, Sampling, Token
from .teller import Teller
from .token_text import TokenText

Result = TypeVar("Result")


class Stopwatch:
    """Adds up milliseconds; work on a GPU is waited for."""

    def __init__(self) -> None:
        self.total_ms: float | None = None

    def time(self, work: Callable[[], Result]) -> Result:
        synchronise()
        start = time.perf_counter()
        result = work()
        synchronise()
        self.total_ms = (self.total_ms or 0.0) + (time.perf_counter() - start) * 1000
        return result


class Listener(BaseStreamer):
    """Hears of each token as soon as it is chosen, and when that was."""

    def __init__(self, hear: Callable[[tuple[int, float]], None]) -> None:
        self.times_ms: list[float] = []
        self.last: int | None = None
        self._hear = hear
        self._at_prompt = True

    def put(self, value: torch.Tensor) -> None:
        if self._at_prompt:
            self._at_prompt = False
            return
        now_ms = clock_ms()
        self.times_ms.append(now_ms)
        self.last = int(value[0])
        self._hear((self.last, now_ms))

    def end(self) -> None:
        pass


class Cancelled(StoppingCriteria):
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: Any) -> torch.BoolTensor:
        return torch.full((input_ids.shape[0],), self._event.is_set(), dtype=torch.bool, device=input_ids.device)


class Forced(LogitsProcessor):
    """Has the model go along a given answer, and tells what it would have chosen from: for each token, and for what comes after them."""

    def __init__(self, tokens: tuple[int, ...], tell: Callable[[bytes], None]) -> None:
        self._tokens = iter(tokens)
        self._tell = tell

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        self._tell(scores[0].to("cpu", torch.float32).contiguous().numpy().astype("<f4").tobytes())
        forced = torch.full_like(scores, -torch.inf)
        # Any token ends the answer where there is no room for another.
        forced[:, next(self._tokens, 0)] = 0
        return forced


def generate(model: Model, request: Generate, queue_ms: float, cancel: threading.Event, send: Send) -> Done:
    """Sends each token with the text that it adds, as it comes; of a given answer, the logits."""
    template, preparation, encoder = Stopwatch(), Stopwatch(), Stopwatch()
    prompt = template.time(lambda: make_prompt(model, request))
    pictures = [part.picture for message in request.messages or () for part in message.content if part.picture is not None]
    # The processor cuts the pictures and writes their places into the prompt in one go; without pictures it is a tokenizer.
    inputs = (preparation if pictures else template).time(lambda: prepare(model, request, prompt, pictures))
    prompt_tokens = int(inputs["input_ids"].shape[1])
    max_tokens, warnings = fit(model, prompt_tokens, request.max_tokens if request.forced is None else len(request.forced) + 1)
    ends = end_tokens(model)
    text = TokenText(lambda tokens: model.tokenizer.decode(tokens, skip_special_tokens=True))

    def tell(chosen: Sequence[tuple[int, float]]) -> None:
        tokens = [Token(request.id, token, text.push(token), at_ms) for token, at_ms in chosen if token not in ends]
        if tokens and request.forced is None:
            send(*tokens)

    def tell_logits(values: bytes) -> None:
        send(Logits(request.id, base64.b64encode(values).decode("ascii")))

    options = sampling_options(request.sampling)
    if request.forced is not None:
        options["logits_processor"] = LogitsProcessorList([Forced(request.forced, tell_logits)])
    teller = Teller(tell)
    listener = Listener(teller.put)
    owner = watch_encoder(model, encoder)
    try:
        with torch.inference_mode():
            start_ms = clock_ms()
            if not cancel.is_set():
                model.network.generate(
                    **inputs,
                    **options,
                    max_new_tokens=max_tokens,
                    streamer=listener,
                    stopping_criteria=StoppingCriteriaList([Cancelled(cancel)]),
                )
    finally:
        if owner is not None:
            del owner.get_image_features
        teller.finish()
    times = listener.times_ms
    encode_ms = encoder.total_ms if pictures else 0.0
    return Done(
        id=request.id,
        finish_reason="stop" if listener.last in ends else "cancelled" if cancel.is_set() else "length",
        prompt_tokens=prompt_tokens,
        completion_tokens=None,
        image_tokens=count_image_tokens(model, inputs["input_ids"]),
        queue_ms=queue_ms,
        tokenise_ms=template.total_ms or 0.0,
        prepare_ms=preparation.total_ms or 0.0,
        encode_ms=encode_ms,
        prefill_ms=max(0.0, times[0] - start_ms - (encode_ms or 0.0)) if times else None,
        decode_ms=times[-1] - times[0] if times else 0.0,
        warnings=warnings,
    )


def make_prompt(model: Model, request: Generate) -> str:
    if request.messages is None:
        return request.prompt or ""
    messages = [chat_message(message, model.sees) for message in request.messages]
    try:
        return model.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except Exception as error:
        raise Failure("TEMPLATE_FAILED", f"the model's chat template does not work: {type(error).__name__}: {error}") from error


def chat_message(message: Message, sees: bool) -> dict[str, Any]:
    if sees:
        content = [{"type": "image"} if part.text is None else {"type": "text", "text": part.text} for part in message.content]
        return {"role": message.role, "content": content}
    if any(part.text is None for part in message.content):
        raise Failure("MODEL_UNSUPPORTED", "this model reads text only")
    # Templates of text models know no parts.
    return {"role": message.role, "content": "".join(part.text or "" for part in message.content)}


def prepare(model: Model, request: Generate, prompt: str, pictures: list[bytes]) -> dict[str, torch.Tensor]:
    """Tensors on the model's device. A template has written the special tokens of a prompt already; nobody else has."""
    begin = getattr(model.tokenizer, "bos_token", None)
    templated = request.messages is not None and (not model.sees or (begin is not None and prompt.startswith(begin)))
    options: dict[str, Any] = {"return_tensors": "pt", **({"add_special_tokens": False} if templated else {})}
    if pictures:
        options["images"] = [decode_picture(picture) for picture in pictures]
    inputs = model.processor(text=prompt, **options).to(model.network.device)
    return {name: value.to(model.network.dtype) if value.is_floating_point() else value for name, value in inputs.items()}


def fit(model: Model, prompt_tokens: int, asked: int) -> tuple[int, list[str]]:
    """As many tokens as were asked for, or as the context has room for. The last token is never fed back and needs none."""
    if model.context_length is None:
        return asked, []
    room = model.context_length - prompt_tokens + 1
    if room < 1:
        raise Failure("CONTEXT_FULL", f"the prompt has {prompt_tokens} tokens, the context {model.context_length}")
    return (asked, []) if asked <= room else (room, [f"only {room} of {asked} new tokens fit into the context"])


def sampling_options(sampling: Sampling) -> dict[str, Any]:
    # Also replaces what the checkpoint's generation_config.json asks for, so that every runtime does the same.
    if sampling.temperature <= 0:
        return {"do_sample": False, "temperature": None, "top_k": None, "top_p": None, "repetition_penalty": 1.0, "num_beams": 1}
    torch.manual_seed(sampling.seed)
    return {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repeat_penalty,
        "num_beams": 1,
    }


def end_tokens(model: Model) -> set[int]:
    ends = model.network.generation_config.eos_token_id
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


def count_image_tokens(model: Model, tokens: torch.Tensor) -> int | None:
    if not model.sees:
        return 0
    config = model.network.config
    token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
    return None if token is None else int((tokens == token).sum())


def watch_encoder(model: Model, watch: Stopwatch) -> Any:
    """Times the vision tower and the projector of models that have them behind one method; gives what must be undone."""
    owner = getattr(model.network, "base_model", None)
    encode = getattr(owner, "get_image_features", None)
    if not model.sees or encode is None:
        return None

    # Generation asks for the names of its arguments.
    @wraps(encode)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return watch.time(lambda: encode(*args, **kwargs))

    owner.get_image_features = watched
    return owner


def synchronise() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
