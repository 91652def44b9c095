"""Trains the shapes model from nothing on scenes and albums drawn by `edgevlm data`. Run it again to resume."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from albums import Albums
from check_saved import check_saved
from dataset import CAPTION_PROMPTS, Batch, Scenes, read_truths
from decoder import Decoder
from evaluate import evaluate
from loop import Loop, Step
from model import build_model, prompt_turn, save_model
from optimise import Workers, batch_indices, learning_rate, settling_rate, tuned
from supervision import Supervision, losses, tower_losses
from tokenizer import PARAGRAPH, train_tokenizer

VOCABULARY = 640


def make_tokenizer(folders: list[Path], albums: Path) -> PreTrainedTokenizerFast:
    truths = itertools.chain.from_iterable(read_truths(folder)[:20000] for folder in folders)
    lines = (
        text
        for truth in truths
        for text in [
            *(f"{prompt_turn(prompt)} " for prompt in CAPTION_PROMPTS),
            f"User: {truth['caption']}",
            *truth["variants"],
            *(f"{prompt_turn(q['question'])} {q['answer']}" for q in truth["questions"]),
        ]
    )
    asked = (turn for truth in read_truths(albums, "album.jsonl") for turn in [*truth["pictures"], *truth["questions"]])
    told = (prompt_turn(f" {turn.get('prompt') or turn['question']}") for turn in asked)
    return train_tokenizer(itertools.chain(lines, told, [PARAGRAPH]), VOCABULARY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="training folders of `edgevlm data scenes`")
    parser.add_argument("--albums", type=Path, required=True, help="training folder of `edgevlm data albums`")
    parser.add_argument("--validation", type=Path, required=True, help="validation folder of `edgevlm data scenes`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the curves and the model (hf/)")
    parser.add_argument("--tower-scenes", type=Path, nargs="+", required=True, help="training folders, of many objects, for the tower")
    parser.add_argument("--tower-steps", type=int, default=2000, help="steps of the first phase: the tower alone")
    parser.add_argument("--steps", type=int, default=3200, help="steps of the second phase: the whole model")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step")
    parser.add_argument("--parts", type=int, default=4, help="parts a step's pictures are split into, for the threads to share")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--questions", type=int, default=6, help="questions a picture in the second phase")
    parser.add_argument("--warmup", type=int, default=200, help="steps")
    parser.add_argument(
        "--albums-from", type=float, default=0.4, help="share of the second phase after which every fourth step shows albums"
    )
    parser.add_argument("--settle", type=float, default=0.45, help="share of the second phase, at its end, with a falling rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints and validations")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stop-after", type=int, default=None, help="end this run after so many steps (to resume later)")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 arithmetic")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    workers = Workers(arguments.threads, None if arguments.float32 else torch.bfloat16)
    torch.manual_seed(arguments.seed)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "tokenizer" / "tokenizer.json").exists():
        make_tokenizer(arguments.scenes, arguments.albums).save_pretrained(out / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer")
    crowd = Scenes(arguments.tower_scenes, tokenizer)
    scenes = Scenes(arguments.scenes, tokenizer)
    albums = Albums(arguments.albums, tokenizer)
    validation = Scenes([arguments.validation], tokenizer)

    model = build_model(tokenizer)
    # At these short lengths plain matrix products beat the fused kernel, whose backward pass is slow on a CPU.
    model.model.vision_model.set_attn_implementation("eager")
    decoder = Decoder(model.model.text_model)
    supervision = Supervision(model, tokenizer)
    modules = {"model": model, "supervision": supervision}
    named = [entry for module in modules.values() for entry in module.named_parameters()]
    loop = Loop(out, modules, tuned(named, arguments.rate, workers.pool), workers)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(crowd)} + {len(scenes)} pictures, {len(albums)} albums, from step {loop.step}",
        flush=True,
    )

    def batches(joint: int) -> list[Callable[[], Batch]]:
        """The parts of a step of the second phase, or of the first where `joint` is negative."""
        if joint < 0:
            order = batch_indices(len(crowd), arguments.seed, joint + arguments.tower_steps, arguments.batch)
            return [partial(crowd.batch, part, part_random(joint, n), 0) for n, part in enumerate(np.split(order, arguments.parts))]
        if joint >= arguments.albums_from * arguments.steps and joint % 4 == 3:
            # Short conversations and long ones; all parts hold about as many pictures.
            pictures = int(part_random(joint, 0).choice([2, 3, 4, 6, 9, 12]))
            each = max(1, arguments.batch // arguments.parts // pictures)
            order = batch_indices(len(albums), arguments.seed, joint, each * arguments.parts)
            return [partial(albums.batch, part, part_random(joint, n), pictures) for n, part in enumerate(np.split(order, arguments.parts))]
        order = batch_indices(len(scenes), arguments.seed, joint, arguments.batch)
        return [
            partial(scenes.batch, part, part_random(joint, n), arguments.questions)
            for n, part in enumerate(np.split(order, arguments.parts))
        ]

    def part_random(joint: int, part: int) -> np.random.Generator:
        return np.random.default_rng([arguments.seed, joint + arguments.tower_steps, part])

    def make(step: int) -> Step:
        joint = step - arguments.tower_steps
        if joint < 0:
            rate = learning_rate(step, 2 * arguments.tower_steps, arguments.rate, arguments.warmup)
        else:
            rate = settling_rate(joint, arguments.steps, arguments.settle, arguments.rate, arguments.warmup)
        compute = partial(tower_losses if joint < 0 else losses, model, decoder, supervision)
        return Step(compute, batches(joint), rate)

    def saved(step: int) -> None:
        save_model(model, tokenizer, out / "hf")
        check_saved(model, validation, albums, out / "hf")
        if step > arguments.tower_steps:
            loop.record({"step": step, "validation": evaluate(model, tokenizer, validation, 100)})
        model.train()

    if loop.step == 0:
        loop.save()
        saved(0)
    model.train()
    end = arguments.tower_steps + arguments.steps
    loop.run(end if arguments.stop_after is None else min(end, loop.step + arguments.stop_after), make, arguments.every, saved)


if __name__ == "__main__":
    main()
