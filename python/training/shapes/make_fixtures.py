"""Writes test/shapes/fixtures/hf-captions.json: what Hugging Face Transformers, in float32, says of scenes of the test split.

Run: npm run build && python make_fixtures.py   (again whenever models/shapes/hf changes)

weights      SHA-256 of the model.safetensors that was asked
scenes       the settings of `edgevlm data scenes` that draw the pictures; they are not kept
prompt       the question; promptIds is what the processor and the chat template make of it and a picture
captions     a greedy answer for each scene, without special tokens, trimmed
smallestGap  smallest distance between the two largest logits of a step, to judge an engine's error by
logits       for the first scenes, the logits after the prompt, rounded to 5 decimals
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

ROOT = Path(__file__).resolve().parents[3]
SPLIT = "test"
PROMPT = "Describe the picture."
LOGITS = 8


def draw(folder: Path, settings: dict[str, object]) -> list[Path]:
    options = [f"--{name}={value}" for name, value in settings.items()]
    subprocess.run(["node", ROOT / "dist/cli/main.js", "data", "scenes", folder, "--quiet", *options], check=True)
    return sorted((folder / "images").iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models/shapes/hf", help="folder of the trained model")
    parser.add_argument("--out", type=Path, default=ROOT / "test/shapes/fixtures/hf-captions.json")
    parser.add_argument("--style", default="rich", help="of the scenes")
    parser.add_argument("--max-objects", type=int, default=4)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--count", type=int, default=200)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    processor = AutoProcessor.from_pretrained(arguments.model)
    model = AutoModelForImageTextToText.from_pretrained(arguments.model, dtype=torch.float32).eval()
    content = [{"type": "image"}, {"type": "text", "text": PROMPT}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    scenes = {"split": SPLIT, "seed": arguments.seed, "style": arguments.style, "count": arguments.count, "max-objects": arguments.max_objects}
    captions: list[str] = []
    logits: list[list[float]] = []
    smallest_gap = float("inf")
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        for file in draw(Path(temporary) / "scenes", scenes):
            with Image.open(file) as picture:
                inputs = processor(images=[picture.convert("RGB")], text=text, return_tensors="pt")
            answer = model.generate(**inputs, return_dict_in_generate=True, output_logits=True)
            prompt = inputs["input_ids"][0].tolist()
            captions.append(processor.tokenizer.decode(answer.sequences[0, len(prompt) :], skip_special_tokens=True).strip())
            for step in answer.logits:
                first, second = step[0].topk(2).values.tolist()
                smallest_gap = min(smallest_gap, first - second)
            if len(logits) < LOGITS:
                logits.append([round(value, 5) for value in answer.logits[0][0].tolist()])

    fixture = {
        "weights": hashlib.sha256((arguments.model / "model.safetensors").read_bytes()).hexdigest(),
        "scenes": {"maxObjects" if name == "max-objects" else name: value for name, value in scenes.items()},
        "prompt": PROMPT,
        "promptIds": prompt,
        "captions": captions,
        "smallestGap": round(smallest_gap, 5),
        "logits": logits,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(fixture) + "\n", encoding="utf-8")
    print(f"{len(captions)} captions, {len(set(captions))} different; the two largest logits are never nearer than {smallest_gap:.4f}")


if __name__ == "__main__":
    main()
