"""Trains a draft of the shapes model, for speculative decoding: two narrow layers, the same tokenizer. Run it again to resume."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForImageTextToText, AutoTokenizer, Idefics3ForConditionalGeneration, LlamaForCausalLM

from albums import Albums
from dataset import Batch, Scenes
from decoder import Decoder
from loop import Loop, Step
from model import build_draft, image_embeddings, save_draft
from optimise import Workers, batch_indices, settling_rate, tuned


def loss(
    draft: LlamaForCausalLM, decoder: Decoder, target: Idefics3ForConditionalGeneration | None, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """The answers' cross-entropy. With a `target` the draft reads its image tokens; without, each is the word `<image>`."""
    embeddings = draft.get_input_embeddings()(batch.ids)
    if target is not None:
        with torch.no_grad():
            _, images = image_embeddings(target, batch.pixels)
        embeddings = embeddings.masked_scatter((batch.ids == target.config.image_token_id)[..., None], images.to(embeddings.dtype))
    state = decoder.states(embeddings, batch.mask, batch.positions)[-1]
    wanted = batch.targets >= 0
    logits = draft.lm_head(decoder.normed(state[wanted])).float()
    answer = functional.cross_entropy(logits, batch.targets[wanted])
    with torch.no_grad():
        agreed = (logits.argmax(-1) == batch.targets[wanted]).float().mean()
    return answer, {"answer": answer, "agreed": agreed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="the --out folder of train_albums.py: the target")
    parser.add_argument("--vision", action="store_true", help="the draft reads the target's image tokens")
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="training folders of `edgevlm data scenes`")
    parser.add_argument("--albums", type=Path, required=True, help="training folder of `edgevlm data albums`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the curves and the draft (hf/)")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64, help="pictures a step")
    parser.add_argument("--parts", type=int, default=4, help="parts a step's pictures are split into, for the threads to share")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--questions", type=int, default=4, help="questions a picture")
    parser.add_argument("--album-questions", type=int, default=8, help="questions an album")
    parser.add_argument("--warmup", type=int, default=100, help="steps")
    parser.add_argument("--settle", type=float, default=0.6, help="share of the steps, at the end, with a falling rate")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    workers = Workers(arguments.threads, torch.bfloat16)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(arguments.run / "tokenizer")
    target = AutoModelForImageTextToText.from_pretrained(arguments.run / "hf", dtype=torch.float32).eval()
    draft = build_draft(target, arguments.vision)
    decoder = Decoder(draft.model)
    compute = partial(loss, draft, decoder, target if arguments.vision else None)
    scenes = Scenes(arguments.scenes, tokenizer)
    albums = Albums(arguments.albums, tokenizer)
    loop = Loop(out, {"draft": draft}, tuned(list(draft.named_parameters()), arguments.rate, workers.pool), workers)
    print(f"{sum(p.numel() for p in draft.parameters()):,} parameters, from step {loop.step}", flush=True)

    def batches(step: int) -> list[Callable[[], Batch]]:
        randoms = [np.random.default_rng([arguments.seed, step, part]) for part in range(arguments.parts)]
        if step % 4 == 3:
            pictures = int(randoms[0].choice([2, 4, 8, 12]))
            each = max(1, arguments.batch // arguments.parts // pictures)
            order = np.split(batch_indices(len(albums), arguments.seed, step, each * arguments.parts), arguments.parts)
            return [
                partial(albums.batch, part, random, pictures, arguments.album_questions)
                for part, random in zip(order, randoms, strict=True)
            ]
        order = np.split(batch_indices(len(scenes), arguments.seed, step, arguments.batch), arguments.parts)
        return [partial(scenes.batch, part, random, arguments.questions) for part, random in zip(order, randoms, strict=True)]

    def make(step: int) -> Step:
        rate = settling_rate(step, arguments.steps, arguments.settle, arguments.rate, arguments.warmup)
        return Step(compute, batches(step), rate)

    loop.run(arguments.steps, make, arguments.every, lambda _: save_draft(draft, tokenizer, out / "hf"))


if __name__ == "__main__":
    main()
