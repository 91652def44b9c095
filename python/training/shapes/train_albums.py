"""The last phase: questions about earlier pictures of an album, and llama.cpp's way to start a prompt. Run it again to resume."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer

from albums import Albums
from check_saved import check_saved
from dataset import Scenes
from decoder import Decoder
from evaluate import evaluate, evaluate_albums
from loop import Loop, Step
from model import LLAMA_CPP_PREFIXES, build_model, save_model
from optimise import Workers, batch_indices, settling_rate, tuned
from supervision import Recall, Supervision, losses

# How many pictures a conversation shows: short ones often, because what a question means is learnt there first.
PICTURES = [2, 2, 3, 3, 4, 4, 6, 8, 12]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="the --out folder of train.py, which this goes on from")
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="training folders of `edgevlm data scenes`")
    parser.add_argument("--albums", type=Path, required=True, help="training folder of `edgevlm data albums`, with many questions")
    parser.add_argument("--validation", type=Path, required=True, help="validation folder of `edgevlm data scenes`")
    parser.add_argument("--album-validation", type=Path, required=True, help="validation folder of `edgevlm data albums`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the curves and the model (hf/)")
    parser.add_argument("--steps", type=int, default=2000, help="every second one shows albums, the others scenes")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step")
    parser.add_argument("--parts", type=int, default=4, help="parts a step's pictures are split into, for the threads to share")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--questions", type=int, default=6, help="questions a picture on its own")
    parser.add_argument("--album-questions", type=int, default=16, help="questions an album")
    parser.add_argument("--warmup", type=int, default=100, help="steps")
    parser.add_argument("--settle", type=float, default=0.6, help="share of the steps, at the end, with a falling rate")
    parser.add_argument("--prompts", choices=list(LLAMA_CPP_PREFIXES), default="paragraph", help="how half of the prompts start")
    parser.add_argument("--decoder-only", action="store_true", help="leave the picture's half as it is")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints and validations")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    workers = Workers(arguments.threads, torch.bfloat16)
    out: Path = arguments.out
    if not (out / "tokenizer").exists():
        shutil.copytree(arguments.run / "tokenizer", out / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer")
    scenes = Scenes(arguments.scenes, tokenizer)
    albums = Albums(arguments.albums, tokenizer)
    validation = Scenes([arguments.validation], tokenizer)
    album_validation = Albums(arguments.album_validation, tokenizer)
    model = build_model(tokenizer)
    model.model.vision_model.set_attn_implementation("eager")
    supervision = Supervision(model, tokenizer)
    before = torch.load(arguments.run / "checkpoint.pt", weights_only=True)
    model.load_state_dict(before["model"])
    supervision.load_state_dict(before["supervision"])
    recall = Recall(model.config.text_config.hidden_size)
    if "recall" in before:
        recall.load_state_dict(before["recall"])
    model.model.vision_model.requires_grad_(not arguments.decoder_only)
    model.model.connector.requires_grad_(not arguments.decoder_only)
    decoder = Decoder(model.model.text_model)
    modules = {"model": model, "supervision": supervision, "recall": recall}
    named = [entry for module in modules.values() for entry in module.named_parameters() if entry[1].requires_grad]
    loop = Loop(out, modules, tuned(named, arguments.rate, workers.pool), workers)
    compute = partial(losses, model, decoder, supervision, recall=recall)

    def make(step: int) -> Step:
        randoms = [np.random.default_rng([arguments.seed, step, part]) for part in range(arguments.parts)]
        # Half as HF's processor begins, half as llama.cpp does.
        others = scenes.texts.prefixes[arguments.prompts]
        prefix = others[randoms[0].integers(len(others))] if randoms[0].random() < 0.5 else None
        rate = settling_rate(step, arguments.steps, arguments.settle, arguments.rate, arguments.warmup)
        if step % 2 == 1:
            pictures = int(randoms[0].choice(PICTURES))
            each = max(1, arguments.batch // arguments.parts // pictures)
            order = np.split(batch_indices(len(albums), arguments.seed, step, each * arguments.parts), arguments.parts)
            parts = zip(order, randoms, strict=True)
            return Step(
                compute, [partial(albums.batch, i, random, pictures, arguments.album_questions, prefix) for i, random in parts], rate
            )
        order = np.split(batch_indices(len(scenes), arguments.seed, step, arguments.batch), arguments.parts)
        parts = zip(order, randoms, strict=True)
        return Step(compute, [partial(scenes.batch, i, random, arguments.questions, prefix) for i, random in parts], rate)

    def saved(step: int) -> None:
        save_model(model, tokenizer, out / "hf")
        check_saved(model, validation, albums, out / "hf")
        scores = {**evaluate(model, tokenizer, validation, 100), "albums": evaluate_albums(model, tokenizer, album_validation, 20)}
        loop.record({"step": step, "validation": scores})
        model.train()

    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "from_step": loop.step}), flush=True)
    model.train()
    loop.run(arguments.steps, make, arguments.every, saved)


if __name__ == "__main__":
    main()
