"""Writes the folder that Transformers.js loads: the model as ONNX, its settings and its tokenizer.

What Transformers.js 4 feeds an Idefics3 (its src/models/modeling_utils.js, `image_text_to_text_forward`):

embed_tokens          input_ids -> inputs_embeds
vision_encoder        pixel_values (batch, pictures, 3, side, side) -> image_features (pictures that are not padding, tokens, width)
decoder_model_merged  inputs_embeds, attention_mask over past and new tokens, position_ids, past_key_values.N.{key,value}
                      -> logits, present.N.{key,value}; the first call has a past of length 0

fp32 is NAME.onnx, q8 is NAME_quantized.onnx. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from PIL import Image
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, AutoProcessor, DynamicCache, Idefics3ForConditionalGeneration

SUFFIXES = {"fp32": "", "q8": "_quantized"}
# Of the operators Transformers.js' own scripts/quantize.py asks for, those that occur here.
QUANTISED_OPERATORS = ["Conv", "Gather", "MatMul"]
CHECKED_STEPS = 16
# float32 in another order of addition.
LARGEST_ERROR = 1e-4


class VisionEncoder(nn.Module):
    """The tower and the connector. Pictures fill their square, so every patch counts and its position is its index."""

    def __init__(self, model: Idefics3ForConditionalGeneration) -> None:
        super().__init__()
        self.tower = model.model.vision_model
        self.connector = model.model.connector

    def forward(self, pixel_values: Tensor) -> Tensor:
        pictures = pixel_values.flatten(0, 1)
        # As HF does: a picture of zeros pads a prompt that has fewer pictures than another of its batch.
        pictures = pictures[(pictures != 0).flatten(1).any(1)]
        patches = self.tower.embeddings.patch_embedding(pictures).flatten(2).transpose(1, 2)
        patches = patches + self.tower.embeddings.position_embedding.weight
        patches = self.tower.encoder(inputs_embeds=patches).last_hidden_state
        return self.connector(self.tower.post_layernorm(patches))


class Decoder(nn.Module):
    def __init__(self, model: Idefics3ForConditionalGeneration) -> None:
        super().__init__()
        self.text_model = model.model.text_model
        self.lm_head = model.lm_head

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(zip(past[::2], past[1::2], strict=True)):
            cache.update(keys, values, layer)
        slots = torch.arange(attention_mask.shape[1])
        seen = slots <= slots[-inputs_embeds.shape[1] :, None]
        allowed = seen & attention_mask[:, None, None, :].bool()
        mask = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
        states = self.text_model(inputs_embeds=inputs_embeds, attention_mask=mask, position_ids=position_ids, past_key_values=cache)
        present = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return self.lm_head(states.last_hidden_state), *present


def to_onnx(
    module: nn.Module, inputs: tuple[object, ...], input_names: list[str], output_names: list[str], axes: tuple[object, ...]
) -> onnx.ModelProto:
    """`axes` names the sizes that vary: Transformers.js takes the size called batch_size from its input and makes other named ones 0."""
    program = torch.onnx.export(
        module.eval(), inputs, input_names=input_names, output_names=output_names, dynamic_shapes=axes, opset_version=18, dynamo=True, verbose=False
    )
    if program is None:
        raise AssertionError("torch.onnx.export gave nothing")
    exported = program.model_proto
    # Where each node came from, with the paths of this machine.
    for part in (exported, exported.graph, *exported.graph.node, *exported.graph.input, *exported.graph.output, *exported.graph.value_info):
        del part.metadata_props[:]
    for initializer in exported.graph.initializer:
        del initializer.metadata_props[:]
    onnx.checker.check_model(exported, full_check=True)
    return exported


def export(model: Idefics3ForConditionalGeneration) -> dict[str, onnx.ModelProto]:
    text, vision = model.config.text_config, model.config.vision_config
    caches = [f"{layer}.{kind}" for layer in range(text.num_hidden_layers) for kind in ("key", "value")]
    # A size of 1 would be taken for a constant.
    batch, length, past = 2, 3, 5
    tokens = {0: "batch_size", 1: "sequence_length"}
    positions = torch.arange(past, past + length).expand(batch, length).contiguous()
    return {
        "embed_tokens": to_onnx(model.get_input_embeddings(), (positions,), ["input_ids"], ["inputs_embeds"], (tokens,)),
        "vision_encoder": to_onnx(
            VisionEncoder(model),
            (torch.randn(batch, length, vision.num_channels, vision.image_size, vision.image_size),),
            ["pixel_values"],
            ["image_features"],
            ({0: "batch_size", 1: "num_images"},),
        ),
        "decoder_model_merged": to_onnx(
            Decoder(model),
            (
                torch.randn(batch, length, text.hidden_size),
                torch.ones(batch, past + length, dtype=torch.int64),
                positions,
                [torch.randn(batch, text.num_key_value_heads, past, text.head_dim) for _ in caches],
            ),
            ["inputs_embeds", "attention_mask", "position_ids", *(f"past_key_values.{cache}" for cache in caches)],
            ["logits", *(f"present.{cache}" for cache in caches)],
            (tokens, {0: "batch_size", 1: "total_sequence_length"}, tokens, [{0: "batch_size", 2: "past_sequence_length"}] * len(caches)),
        ),
    }


def quantise(path: Path, target: Path) -> None:
    """Weights in unsigned 8 bits, a scale for each output channel; activations are quantised as they come.

    Unsigned, because signed weights saturate in the 16-bit sums of x86 processors without VNNI: answers would depend on the machine.
    """
    quantize_dynamic(path, target, op_types_to_quantize=QUANTISED_OPERATORS, per_channel=True, weight_type=QuantType.QUInt8)


class OnnxModel:
    """The three files, run the way Transformers.js runs them."""

    def __init__(self, folder: Path, suffix: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1

        def session(name: str) -> onnxruntime.InferenceSession:
            return onnxruntime.InferenceSession(folder / f"{name}{suffix}.onnx", options, ["CPUExecutionProvider"])

        self.embed, self.vision, self.decoder = session("embed_tokens"), session("vision_encoder"), session("decoder_model_merged")

    def logits(self, prompt: list[int], pixels: Tensor, image_token: int, answer: list[int]) -> np.ndarray:
        """(1 + answer) rows: after the prompt, then after each token of `answer`, one at a time through the cache."""
        feeds = {
            value.name: np.zeros([size if isinstance(size, int) else int(size == "batch_size") for size in value.shape], np.float32)
            for value in self.decoder.get_inputs()
            if value.name.startswith("past_key_values")
        }
        rows = []
        done = 0
        for tokens in (prompt, *([token] for token in answer)):
            ids = np.array([tokens])
            embeddings = self.embed.run(None, {"input_ids": ids})[0]
            if done == 0:
                features = self.vision.run(None, {"pixel_values": pixels.numpy()})[0]
                embeddings[ids == image_token] = features.reshape(-1, features.shape[-1])
            feeds["inputs_embeds"] = embeddings
            feeds["attention_mask"] = np.ones((1, done + len(tokens)), np.int64)
            feeds["position_ids"] = np.arange(done, done + len(tokens))[None]
            logits, *present = self.decoder.run(None, feeds)
            feeds.update({name.name.replace("present", "past_key_values"): cache for name, cache in zip(self.decoder.get_outputs()[1:], present)})
            rows.append(logits[0, -1])
            done += len(tokens)
        return np.stack(rows)


def error(model: Idefics3ForConditionalGeneration, folder: Path, exported: OnnxModel) -> float:
    """Relative distance of the exported model's logits from PyTorch's, over a prompt with a picture and a greedy answer to it."""
    processor = AutoProcessor.from_pretrained(folder)
    side = model.config.vision_config.image_size
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))
    content = [{"type": "image"}, {"type": "text", "text": "Describe the picture."}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(images=[picture], text=text, return_tensors="pt")
    prompt = inputs["input_ids"][0].tolist()
    with torch.inference_mode():
        sequence = model.generate(**inputs, min_new_tokens=CHECKED_STEPS, max_new_tokens=CHECKED_STEPS)[0]
        whole = model(**{**inputs, "input_ids": sequence[None], "attention_mask": torch.ones_like(sequence)[None]}).logits[0]
    expected = whole[len(prompt) - 1 :].numpy()
    given = exported.logits(prompt, inputs["pixel_values"], model.config.image_token_id, sequence[len(prompt) :].tolist())
    return float(np.linalg.norm(given - expected) / np.linalg.norm(expected))


def copy_settings(source: Path, target: Path, precision: str) -> None:
    for name in ("generation_config.json", "processor_config.json", "tokenizer.json"):
        shutil.copyfile(source / name, target / name)

    def rewrite(name: str, changes: dict[str, object]) -> None:
        settings = json.loads((source / name).read_text(encoding="utf-8"))
        (target / name).write_text(json.dumps({**settings, **changes}, indent=2) + "\n", encoding="utf-8")

    # The files it takes when it is not told which.
    rewrite("config.json", {"transformers.js_config": {"dtype": precision}})
    # AutoProcessor looks for the class only here. Whether tiles are asked for makes no difference: no picture is larger than one.
    rewrite("preprocessor_config.json", {"processor_class": "Idefics3Processor"})
    # It reads the template only here, and knows the tokenizer class of transformers 4.
    template = (source / "chat_template.jinja").read_text(encoding="utf-8")
    rewrite("tokenizer_config.json", {"chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; what is there is replaced")
    parser.add_argument("--precision", choices=[*SUFFIXES], nargs="+", default=[*SUFFIXES], help="the first is the folder's default")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # The quantiser advises to optimise first; ONNX Runtime does, when it loads.
    warnings.filterwarnings("ignore", "# The axis name")  # Names for sizes that must be equal, given once for each tensor.
    # Plain attention: few operators, which every build of ONNX Runtime has.
    model = AutoModelForImageTextToText.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="eager").eval()
    part: Path = arguments.out.with_name(f"{arguments.out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    folder = part / "onnx"
    folder.mkdir(parents=True)
    copy_settings(arguments.model, part, arguments.precision[0])
    for name, exported in export(model).items():
        onnx.save(exported, folder / f"{name}.onnx")
        quantise(folder / f"{name}.onnx", folder / f"{name}_quantized.onnx")

    for precision, suffix in SUFFIXES.items():
        distance = error(model, arguments.model, OnnxModel(folder, suffix))
        if precision == "fp32" and distance > LARGEST_ERROR:
            raise AssertionError(f"the exported model's logits differ from PyTorch's by {distance:.2e}")
        files = [folder / f"{name}{suffix}.onnx" for name in ("embed_tokens", "vision_encoder", "decoder_model_merged")]
        print(json.dumps({"precision": precision, "bytes": sum(file.stat().st_size for file in files), "logits_error": float(f"{distance:.2e}")}))
        if precision not in arguments.precision:
            for file in files:
                file.unlink()
    shutil.rmtree(arguments.out, ignore_errors=True)
    part.rename(arguments.out)


if __name__ == "__main__":
    main()
