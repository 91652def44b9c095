"""Copies a finished run into the repository's folder of models, scores it on test scenes and writes its card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

from dataset import Scenes
from evaluate import evaluate
from model import save_model

COLUMNS = ["caption", "vqa", "colour", "shape", "position", "size", "count", "exists"]

CARD = """---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# shapes

A vision-language model of {parameters} parameters that describes pictures of coloured shapes, trained from nothing by
`python/training/shapes`. It exists so that every part of EdgeVLM can be shown and tested with a model small enough to ship;
it knows nothing else.

* **Architecture:** Idefics3 / SmolVLM (`hf/config.json`): SigLIP tower on 128 × 128 pixels in patches of 16, pixel shuffle 2,
  so 16 image tokens; LLaMA decoder, 4 layers of 256; byte-level BPE of {vocabulary} tokens.
* **Data:** scenes drawn by `edgevlm data scenes` (10 shapes, 10 colours, 3 sizes, 9 positions, plain or shaded backgrounds);
  training, validation and test pictures come from different random streams. Nothing else was used.
* **Training:** the commands are in `python/training/shapes/README.md`; this is step {step} of the run below.

## Scores

Greedy answers compared word for word with the truth, on test scenes (share right). `caption` counts only when shape, colour,
size, position and wording of every object are right; `vqa` is the mean over all questions.

{scores}

## Ask it

`Describe the picture.` gives `a small red circle at the top left.` Questions it was trained on: `What color is the circle?`,
`What shape is the red object?`, `Where is the star?`, `How big is the red heart?`, `How many objects are there?`,
`Is there a blue ring?`. Half of the `exists` questions are true, so 50% there would be a coin's share.

## Limits

Scenes of one or two objects on plain backgrounds as the generator draws them. Photographs, other shapes, more objects, textures
and overlaps are outside what it has seen: it will answer, and be wrong. Pictures that are not square are squeezed.

## Curves

![share of validation captions that are exact, and training loss, by step](curves.svg)
"""


def score_table(rows: list[tuple[str, int, dict[str, float]]]) -> str:
    head = ["scenes", "pictures", *COLUMNS]
    lines = [head, ["---"] * len(head)]
    lines += [[name, str(count), *(f"{100 * scores[c]:.1f}%" for c in COLUMNS)] for name, count, scores in rows]
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
        ("#888", "answer loss", [(e["step"], e["answer"]) for e in entries if "answer" in e]),
        ("#c33", "exact captions", [(e["step"], e["validation"]["caption"]) for e in entries if "validation" in e]),
        ("#36c", "right answers", [(e["step"], e["validation"]["vqa"]) for e in entries if "validation" in e]),
    ]
    body = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path(points)}"/>'
        f'<text x="{width - 150}" y="{height / 2 + 18 * row}" fill="{colour}">{name}</text>'
        for row, (colour, name, points) in enumerate(curves)
    )
    ticks = "".join(
        f'<text x="{margin - 6}" y="{height - margin - y * (height - 2 * margin) + 4:.0f}" text-anchor="end">{y:g}</text>' for y in (0, 0.5, 1)
    )
    axes = f'<path d="M{margin} {margin}V{height - margin}H{width - margin}" fill="none" stroke="#444"/>'
    end = f'<text x="{width - margin}" y="{height - margin + 18}" text-anchor="end">step {last}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{axes}{ticks}{end}{body}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the --out folder of train.py")
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="test folders of `edgevlm data scenes`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the card, the curves and hf/")
    parser.add_argument("--limit", type=int, default=1000, help="test pictures of each folder")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.run / "tokenizer")
    model = AutoModelForImageTextToText.from_pretrained(arguments.run / "hf", dtype=torch.float32)
    # Half the bytes; the scores below are those of the rounded weights.
    model.half().float()
    rows = []
    for folder in arguments.scenes:
        scores = evaluate(model, tokenizer, Scenes([folder], tokenizer), arguments.limit)
        rows.append((folder.name, arguments.limit, scores))
        print(json.dumps({"scenes": folder.name, **scores}), flush=True)

    arguments.out.mkdir(parents=True, exist_ok=True)
    save_model(model.half(), tokenizer, arguments.out / "hf")
    entries = [json.loads(line) for line in (arguments.run / "curves.jsonl").read_text().splitlines()]
    (arguments.out / "curves.jsonl").write_text((arguments.run / "curves.jsonl").read_text())
    (arguments.out / "curves.svg").write_text(curves_svg(entries))
    card = CARD.format(
        parameters=f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} million",
        vocabulary=model.config.text_config.vocab_size,
        step=max(entry["step"] for entry in entries),
        scores=score_table(rows),
    )
    (arguments.out / "README.md").write_text(card)


if __name__ == "__main__":
    main()
