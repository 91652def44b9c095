"""Loads a checkpoint of Hugging Face's: a folder, or an id in the hub."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer, BitsAndBytesConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from .failure import Failure, as_failure
from .import_time import ImportTime
from .own_code import OwnCode, find_own_code
from .protocol import Load, Loaded

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
BITS = {"int8": 8, "int4": 4}


@dataclass(frozen=True)
class Model:
    network: Any
    # Of a model that sees; the tokenizer of one that reads only.
    processor: Any
    tokenizer: Any
    sees: bool
    # The most that a prompt and its answer may have together.
    context_length: int | None
    # Of a model that answers by methods of its own.
    own_code: OwnCode | None


def load_model(request: Load) -> tuple[Model, Loaded]:
    """Times the checkpoint's files and their way to the device; what is imported for that is told apart."""
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    device = find_device(request.device)
    start = time.perf_counter()
    imports = ImportTime()
    source = {"trust_remote_code": request.allow_remote_code, **({} if request.revision is None else {"revision": request.revision})}
    try:
        with imports:
            config = AutoConfig.from_pretrained(request.model, **source)
            sees = is_vision_model(config)
            factory = AutoModelForImageTextToText if sees else AutoModelForCausalLM
            network = factory.from_pretrained(request.model, **source, **precision_options(request.precision, device))
            if request.precision in DTYPES:
                network = network.to(device)
            own_code = find_own_code(network)
            processor = load_processor(request.model, sees, own_code, source)
    except Failure:
        raise
    except Exception as error:
        raise explain(error, request) from error
    network.eval()
    load_ms = (time.perf_counter() - start) * 1000 - imports.total_ms
    context, warnings = context_length(config, request.context)
    tensors = [*network.parameters(), *network.buffers()]
    loaded = Loaded(
        id=request.id,
        architecture=type(network).__name__,
        precision=request.precision,
        parameters=network.num_parameters(),
        context_length=context,
        vocabulary_size=getattr(text_config(config), "vocab_size", None),
        weight_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        load_ms=max(0.0, load_ms),
        import_ms=imports.total_ms,
        warnings=warnings,
    )
    return Model(network, processor, processor.tokenizer if sees else processor, sees, context, own_code), loaded


def load_processor(model: str, sees: bool, own_code: OwnCode | None, source: dict[str, Any]) -> Any:
    try:
        return (AutoProcessor if sees else AutoTokenizer).from_pretrained(model, **source)
    except Exception:
        # One that answers by methods of its own may have what it needs in its code.
        if own_code is None or own_code.needs_tokenizer:
            raise
        return None


def find_device(name: str) -> str:
    if name == "cpu":
        return name
    if name != "cuda":
        raise Failure("DEVICE_UNAVAILABLE", f"this runtime computes on cpu or cuda, not on {name}")
    if not torch.cuda.is_available():
        reason = "this PyTorch was built without CUDA" if torch.version.cuda is None else "PyTorch finds no CUDA device or driver"
        raise Failure("DEVICE_UNAVAILABLE", reason)
    return name


def is_vision_model(config: Any) -> bool:
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return True
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return False
    own = getattr(config, "auto_map", None) or {}
    if "AutoModelForImageTextToText" in own or "AutoModelForCausalLM" in own:
        return "AutoModelForImageTextToText" in own
    raise Failure("MODEL_UNSUPPORTED", f"transformers {transformers.__version__} writes no text with a model of type {config.model_type}")


def precision_options(precision: str, device: str) -> dict[str, Any]:
    if precision in DTYPES:
        return {"dtype": DTYPES[precision]}
    if precision not in BITS:
        raise Failure("LOAD_ERROR", f"no precision {precision}: there are {', '.join([*DTYPES, *BITS])}")
    missing = [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]
    if missing:
        raise Failure("LOAD_ERROR", f"{precision} needs {' and '.join(missing)}, which this Python does not have")
    # What is not quantised stays in the type that the rest computes in.
    dtype = torch.float16 if device == "cuda" else torch.float32
    if BITS[precision] == 8:
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": config, "device_map": {"": device}, "dtype": dtype}


def explain(error: Exception, request: Load) -> Failure:
    """Says what could be done where the words of the library do not."""
    failure = as_failure(error, "LOAD_ERROR")
    if failure.code == "LOAD_ERROR" and "trust_remote_code" in str(error):
        return Failure("LOAD_ERROR", "this model brings code of its own, which runs only with --allow-remote-code")
    if failure.code == "LOAD_ERROR" and request.precision in BITS:
        return Failure("LOAD_ERROR", f"bitsandbytes cannot make this model {request.precision} on {request.device}: {failure}")
    return failure


def text_config(config: Any) -> Any:
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def context_length(config: Any, asked: int | None) -> tuple[int | None, list[str]]:
    own = getattr(text_config(config), "max_position_embeddings", None)
    if asked is None or own is None or asked <= own:
        return (own if asked is None else asked), []
    return own, [f"the model has a context of {own} tokens, not {asked}"]
