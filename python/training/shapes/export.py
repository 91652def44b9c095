"""Copies a finished run into the repository's folder of models, scores it on test scenes and writes its card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

from dataset import Scenes
from evaluate import evaluate
from model import save_draft, save_model
from supervision import EXITS

LAYERS = max(EXITS)

COLUMNS = ["caption", "vqa", "colour", "shape", "position", "size", "count", "exists", "relation", "digit"]

CARD = """---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# shapes

A vision-language model of {parameters} parameters that describes pictures of coloured shapes, trained from nothing by
`python/training/shapes`. It exists so that every part of EdgeVLM can be shown, tested and measured with a model small enough to
ship; it knows nothing else.

| file | what it is |
| --- | --- |
| `shapes-f16.gguf`, `mmproj-shapes-f16.gguf` | for EdgeVLM and llama.cpp (`llama-mtmd-cli`, `llama-server`) |
| `hf/` | the same weights as float16 safetensors, for HF Transformers |
| `onnx/` | 8-bit ONNX, for Transformers.js; the recipe makes float32 too |
| `shapes-draft-f16.gguf`, `draft/` | a draft of {draft} parameters that reads the text alone, for speculative decoding |
| `shapes-draft-vision-f16.gguf`, `draft-vision/` | a draft of {draft_vision} parameters that reads the target's image tokens too |

* **Architecture:** Idefics3 / SmolVLM (`hf/config.json`): SigLIP tower on 128 × 128 pixels in patches of 16, pixel shuffle 2,
  so 16 image tokens; LLaMA decoder, {layers} layers of {width}, heads of 64; byte-level BPE of {vocabulary} tokens. The drafts are
  LLaMA decoders of two layers.
* **Data:** scenes and albums drawn by `edgevlm data`: 1 to 4 of 10 shapes and the digits in 10 colours, 3 sizes and 9 positions, on
  plain, shaded, textured and noisy grounds, some blurred, greyscale or with JPEG's losses; training, validation and test pictures
  come from different random streams. Nothing else was used.
* **Training:** `python/training/shapes/recipe.sh` draws the data and makes every file here; its README says how and why. The
  model was trained for {step} steps of 64 pictures on two CPU cores, with losses at layers {exits} (LayerSkip), so that early
  layers already answer; albums of up to 12 pictures taught it conversations, and the last 2,800 steps to answer questions about
  earlier pictures and to be spoken to in llama.cpp's way, which shows the picture twice. In the scenes it trained on, a draft says {agreed} of an
  answer's tokens as they are (reading text alone) or {agreed_vision} (reading the image tokens too).

## Scores

Greedy answers of the float16 weights compared word for word with the truth, on test scenes (share right). `caption` counts only when
shape, colour, size, position and wording of every object are right; `vqa` is the mean over all questions.

{scores}

Of the questions about the early pictures of an album of twelve, {albums} were answered right on validation albums.

`edgevlm eval scenes` measures these through the engine, with object F1, intervals, a shuffled control and another renderer.

## Ask it

`Describe the picture.` gives `a small red circle at the top left and a large digit 7 at the center.` Questions it was trained on:
`What color is the circle?`, `What shape is the red object?`, `Where is the star?`, `How big is the red heart?`, `How many objects
are there?`, `Is there a blue ring?`, `What is to the left of the star?`, `Is the star above the red circle?`, `Which digit is at the top?`
After several pictures: `Describe picture 3.`, then `What color was the circle in picture 1?` and `In which picture was there a star?`

## Limits

Scenes as the generator draws them. Photographs, other shapes, more objects and overlaps are outside what it has seen: it will answer,
and be wrong. Pictures that are not square are squeezed. Half of the yes-or-no questions are true, so 50% there would be a coin's share.

## Curves

![share of validation captions that are exact, and training loss, by step](curves.svg)
"""


def score_table(rows: list[tuple[str, int, dict[str, float]]]) -> str:
    head = ["scenes", "pictures", *COLUMNS]
    lines = [head, ["---"] * len(head)]
    lines += [[name, str(count), *(f"{100 * scores[c]:.1f}%" if c in scores else "-" for c in COLUMNS)] for name, count, scores in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def curves_svg(entries: list[dict]) -> str:
    """Two panels' worth of curve in one small picture: answer loss (capped at 1) and the share of exact captions."""
    width, height, margin = 640, 260, 40
    last = max(entry["step"] for entry in entries)

    def path(points: list[tuple[int, float]]) -> str:
        return " ".join(
            f"{margin + step / last * (width - 2 * margin):.1f},{height - margin - min(1.0, value) * (height - 2 * margin):.1f}"
            for step, value in points
        )

    curves = [
        ("#888", "answer loss", [(e["step"], e[f"exit_{LAYERS}"]) for e in entries if f"exit_{LAYERS}" in e]),
        ("#c33", "exact captions", [(e["step"], e["validation"]["caption"]) for e in entries if "validation" in e]),
        ("#36c", "right answers", [(e["step"], e["validation"]["vqa"]) for e in entries if "validation" in e]),
    ]
    body = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path(points)}"/>'
        f'<text x="{width - 150}" y="{height / 2 + 18 * row}" fill="{colour}">{name}</text>'
        for row, (colour, name, points) in enumerate(curves)
    )
    ticks = "".join(
        f'<text x="{margin - 6}" y="{height - margin - y * (height - 2 * margin) + 4:.0f}" text-anchor="end">{y:g}</text>'
        for y in (0, 0.5, 1)
    )
    axes = f'<path d="M{margin} {margin}V{height - margin}H{width - margin}" fill="none" stroke="#444"/>'
    end = f'<text x="{width - margin}" y="{height - margin + 18}" text-anchor="end">step {last}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{axes}{ticks}{end}{body}</svg>\n'
    )


def read_curves(run: Path, before: int) -> list[dict]:
    """The lines of a run that `before` steps came before."""
    entries = [json.loads(line) for line in (run / "curves.jsonl").read_text().splitlines()]
    return [{**entry, "step": entry["step"] + before} for entry in entries]


def millions(model: nn.Module) -> str:
    return f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million"


def export_draft(run: Path, folder: Path) -> tuple[str, str]:
    """Copies a draft as float16; returns how large it is and which share of the answers' tokens it says in the end."""
    draft = AutoModelForCausalLM.from_pretrained(run / "hf", dtype=torch.float32)
    save_draft(draft.half(), AutoTokenizer.from_pretrained(run / "hf"), folder)
    last = json.loads((run / "curves.jsonl").read_text().splitlines()[-1])
    return millions(draft), f"{100 * last['agreed']:.0f}%"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="the --out folders of train.py and train_albums.py, in order")
    parser.add_argument("--draft", type=Path, required=True, help="the --out folder of train_draft.py")
    parser.add_argument("--draft-vision", type=Path, required=True, help="the --out folder of train_draft.py --vision")
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="test folders of `edgevlm data scenes`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the card, the curves, hf/, draft/ and draft-vision/")
    parser.add_argument("--limit", type=int, default=1000, help="test pictures of each folder")
    arguments = parser.parse_args()
    run: Path = arguments.runs[-1]
    tokenizer = AutoTokenizer.from_pretrained(run / "tokenizer")
    model = AutoModelForImageTextToText.from_pretrained(run / "hf", dtype=torch.float32)
    # Half the bytes; the scores below are those of the rounded weights.
    model.half().float()
    rows = []
    for folder in arguments.scenes:
        scores = evaluate(model, tokenizer, Scenes([folder], tokenizer), arguments.limit)
        rows.append((folder.name, arguments.limit, scores))
        print(json.dumps({"scenes": folder.name, **scores}), flush=True)

    arguments.out.mkdir(parents=True, exist_ok=True)
    parameters = millions(model)
    save_model(model.half(), tokenizer, arguments.out / "hf")
    draft, agreed = export_draft(arguments.draft, arguments.out / "draft")
    draft_vision, agreed_vision = export_draft(arguments.draft_vision, arguments.out / "draft-vision")
    entries: list[dict] = []
    for part in arguments.runs:
        entries += read_curves(part, entries[-1]["step"] if entries else 0)
    (arguments.out / "curves.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (arguments.out / "curves.svg").write_text(curves_svg(entries))
    text = model.config.text_config
    card = CARD.format(
        parameters=parameters,
        draft=draft,
        draft_vision=draft_vision,
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        vocabulary=text.vocab_size,
        step=max(entry["step"] for entry in entries),
        exits=", ".join(str(depth) for depth in EXITS if depth < text.num_hidden_layers),
        agreed=agreed,
        agreed_vision=agreed_vision,
        scores=score_table(rows),
        albums=f"{100 * entries[-1]['validation']['albums']['all']:.0f}%",
    )
    (arguments.out / "README.md").write_text(card)


if __name__ == "__main__":
    main()
