"""Messages between EdgeVLM and this process, one JSON object a line; the other side is src/runtimes/python/python-protocol.ts.

Nothing here needs PyTorch. Pictures travel as base64 and are never written anywhere.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

VERSION = 2
# Eight pictures of the largest size that EdgeVLM takes, in base64.
LONGEST_LINE = 256 * 1024 * 1024

ROLES = ("system", "user", "assistant")


class ProtocolError(ValueError):
    """A line that is no message."""


# From EdgeVLM.


@dataclass(frozen=True)
class Load:
    id: int
    model: str
    device: str
    precision: str
    threads: int | None
    context: int | None
    allow_remote_code: bool
    # Of a model of the hub: a tag or a commit.
    revision: str | None


@dataclass(frozen=True)
class Part:
    """Text, or the bytes of a picture's file."""

    text: str | None = None
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Message:
    role: str
    content: tuple[Part, ...]


@dataclass(frozen=True)
class Sampling:
    """`temperature` 0 is greedy, and the rest is ignored."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    seed: int


@dataclass(frozen=True)
class Generate:
    id: int
    # A chat, or a prompt that is taken as it is.
    messages: tuple[Message, ...] | None
    prompt: str | None
    max_tokens: int
    sampling: Sampling
    # The answer is given, and what the model would choose from is told.
    forced: tuple[int, ...] | None


@dataclass(frozen=True)
class Cancel:
    id: int


@dataclass(frozen=True)
class AskTime:
    """Answered at once, whatever is being computed."""

    id: int


@dataclass(frozen=True)
class Stop:
    pass


# To EdgeVLM. Times are milliseconds.


@dataclass(frozen=True)
class Ready:
    protocol: int
    python: str
    torch: str
    transformers: str
    import_ms: float
    type: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Loaded:
    id: int
    architecture: str
    precision: str
    parameters: int
    context_length: int | None
    vocabulary_size: int | None
    weight_bytes: int
    # Without importing, which is apart.
    load_ms: float
    import_ms: float
    warnings: list[str]
    type: Literal["loaded"] = "loaded"


@dataclass(frozen=True)
class Token:
    """`at_ms` is when it was chosen, by this process's clock (`Time`); `token` is None where the model's own code tells text only."""

    id: int
    token: int | None
    text: str
    at_ms: float
    type: Literal["token"] = "token"


@dataclass(frozen=True)
class Logits:
    """What a token of a given answer, or its end, would be chosen from: 32-bit floats, little-endian, in base64."""

    id: int
    values: str
    type: Literal["logits"] = "logits"


@dataclass(frozen=True)
class Time:
    id: int
    now_ms: float
    type: Literal["time"] = "time"


@dataclass(frozen=True)
class Done:
    """`encode_ms` is None where the vision half cannot be told from the rest; `completion_tokens` where each was told."""

    id: int
    finish_reason: Literal["stop", "length", "cancelled"]
    prompt_tokens: int | None
    completion_tokens: int | None
    image_tokens: int | None
    queue_ms: float
    tokenise_ms: float
    prepare_ms: float
    encode_ms: float | None
    prefill_ms: float | None
    decode_ms: float
    warnings: list[str]
    type: Literal["done"] = "done"


@dataclass(frozen=True)
class Error:
    """Without an id it concerns the process."""

    id: int | None
    code: str
    message: str
    type: Literal["error"] = "error"


Incoming = Load | Generate | Cancel | AskTime | Stop
Outgoing = Ready | Loaded | Token | Logits | Time | Done | Error


def encode(message: Outgoing) -> bytes:
    """One line of ASCII."""
    return json.dumps(asdict(message), allow_nan=False).encode("ascii") + b"\n"


def parse(line: bytes) -> Incoming:
    """Raises ProtocolError for whatever is no message."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not JSON") from error
    record = _record(value, "a message")
    kind = record.get("type")
    if kind == "load":
        return Load(
            id=_integer(record, "id"),
            model=_string(record, "model"),
            device=_string(record, "device"),
            precision=_string(record, "precision"),
            threads=_optional_integer(record, "threads"),
            context=_optional_integer(record, "context"),
            allow_remote_code=_boolean(record, "allow_remote_code"),
            revision=None if record.get("revision") is None else _string(record, "revision"),
        )
    if kind == "generate":
        messages = record.get("messages")
        prompt = record.get("prompt")
        if (messages is None) == (prompt is None):
            raise ProtocolError("either messages or a prompt")
        return Generate(
            id=_integer(record, "id"),
            messages=None if messages is None else tuple(_message(one) for one in _list(messages, "messages")),
            prompt=None if prompt is None else _string(record, "prompt"),
            max_tokens=_integer(record, "max_tokens", minimum=1),
            sampling=_sampling(record.get("sampling")),
            forced=None if record.get("forced") is None else tuple(_token(one) for one in _list(record["forced"], "forced")),
        )
    if kind == "cancel":
        return Cancel(id=_integer(record, "id"))
    if kind == "time":
        return AskTime(id=_integer(record, "id"))
    if kind == "stop":
        return Stop()
    raise ProtocolError("no such type of message")


def _message(value: Any) -> Message:
    record = _record(value, "a message of the chat")
    role = _string(record, "role")
    if role not in ROLES:
        raise ProtocolError("no such role")
    return Message(role, tuple(_part(one) for one in _list(record.get("content"), "content")))


def _part(value: Any) -> Part:
    record = _record(value, "a part of a message")
    if "picture" not in record:
        return Part(text=_string(record, "text"))
    try:
        return Part(picture=base64.b64decode(_string(record, "picture"), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("a picture is not base64") from error


def _sampling(value: Any) -> Sampling:
    record = _record(value, "sampling")
    whole = {"top_k", "seed"}
    return Sampling(**{one.name: (_integer if one.name in whole else _number)(record, one.name) for one in fields(Sampling)})


def _record(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{name} is not an object")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ProtocolError(f"{name} is not a list")
    return value


def _string(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"{name} is not a text")
    return value


def _boolean(record: dict[str, Any], name: str) -> bool:
    value = record.get(name)
    if not isinstance(value, bool):
        raise ProtocolError(f"{name} is neither true nor false")
    return value


def _integer(record: dict[str, Any], name: str, minimum: int = 0) -> int:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value < 2**53:
        raise ProtocolError(f"{name} is not a whole number from {minimum}")
    return value


def _token(value: Any) -> int:
    return _integer({"a token": value}, "a token")


def _optional_integer(record: dict[str, Any], name: str) -> int | None:
    return None if record.get(name) is None else _integer(record, name, minimum=1)


def _number(record: dict[str, Any], name: str) -> float:
    value = record.get(name)
    # NaN and the infinities, which Python's JSON reads, fail the comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
        raise ProtocolError(f"{name} is not a number")
    return float(value)
