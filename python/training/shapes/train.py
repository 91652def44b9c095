"""Trains the shapes model from nothing on scenes drawn by `edgevlm data scenes`. Run it again to resume."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoTokenizer, Idefics3ForConditionalGeneration, PreTrainedTokenizerFast

from dataset import CAPTION_PROMPTS, COLOURS, SHAPES, SIZES, Batch, Scenes, read_truths
from evaluate import evaluate
from model import build_model, image_embeddings, prompt_turn, save_model
from tokenizer import train_tokenizer

VOCABULARY = 640


class Supervision(nn.Module):
    """Direct supervision of the picture's path, used in training only: what covers each patch and each image token.

    Patches are classified by linear heads. Image tokens are compared with the decoder's own embeddings of the words
    for what they show, so that the decoder finds words it knows in the picture and need only copy them.
    """

    def __init__(self, width: int, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        kinds = [SHAPES, COLOURS, SIZES]
        self.heads = nn.ModuleList(nn.Linear(width, 1 + len(words)) for words in kinds)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.words: list[list[int]] = []
        for words in kinds:
            ids = [tokenizer.encode(f" {word}", add_special_tokens=False) for word in words]
            if any(len(word) != 1 for word in ids):
                raise ValueError("each word of the vocabulary must be one token: raise VOCABULARY")
            self.words.append([word[0] for word in ids])

    def forward(self, patches: Tensor, tokens: Tensor, embeddings: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        patch_loss = torch.zeros(())
        token_loss = torch.zeros(())
        shown = self.scale * functional.rms_norm(tokens.float(), tokens.shape[-1:])
        for kind, (head, words) in enumerate(zip(self.heads, self.words, strict=True)):
            # Most patches are background: count them less, so that what is seen matters.
            weight = torch.ones(1 + len(words))
            weight[0] = 0.2
            patch_loss = patch_loss + functional.cross_entropy(
                head(patches).flatten(0, 1).float(), batch.patch_labels[..., kind].flatten(), weight
            )
            covered = batch.token_labels[..., kind] > 0
            logits = shown[covered] @ embeddings[words].float().T
            token_loss = token_loss + functional.cross_entropy(logits, batch.token_labels[..., kind][covered] - 1)
        return patch_loss, token_loss


def losses(model: Idefics3ForConditionalGeneration, supervision: Supervision, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The answer's cross-entropy, and the two losses of Supervision. One pass of the tower serves all of a picture's turns."""
    patches, images = image_embeddings(model, batch.pixels)
    table = model.get_input_embeddings().weight
    embeddings = functional.embedding(batch.ids, table)
    at = batch.ids[0].eq(model.config.image_token_id).nonzero()[:, 0]
    embeddings = torch.cat([embeddings[:, : at[0]], images.to(embeddings.dtype), embeddings[:, at[-1] + 1 :]], 1)
    mask = torch.zeros(batch.mask.shape).masked_fill(~batch.mask, -1e9)
    hidden = model.model.text_model(
        inputs_embeds=embeddings, attention_mask=mask.to(images.dtype), position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    wanted = batch.targets >= 0
    answer_loss = functional.cross_entropy(model.lm_head(hidden[wanted]).float(), batch.targets[wanted])
    return answer_loss, *supervision(patches, images, table, batch)


def tower_losses(model: Idefics3ForConditionalGeneration, supervision: Supervision, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Like `losses` without the decoder, for the first phase: pictures full of objects teach the tower far quicker."""
    patches, images = image_embeddings(model, batch.pixels)
    return torch.zeros(()), *supervision(patches, images, model.get_input_embeddings().weight, batch)


def batch_indices(pool: np.ndarray, seed: int, step: int, size: int) -> np.ndarray:
    """The pictures of a step: epochs in seeded orders, so a resumed run sees what an uninterrupted one sees."""
    epoch, within = divmod(step, len(pool) // size)
    order = np.random.default_rng([seed, epoch, len(pool)]).permutation(pool)
    return order[within * size : (within + 1) * size]


class Workers:
    """Computes a step's gradient in small parts on several threads, each part on one core.

    Unlike one operation spread over the cores, this loses nothing when another program takes a core for a while: the
    other thread takes the next part. The parts are added in a fixed order, so the sum does not depend on who was faster.
    """

    def __init__(self, threads: int, arithmetic: torch.dtype | None) -> None:
        """`arithmetic` is the type of matrix products, None for the parameters' own."""
        self.pool = ThreadPoolExecutor(threads)
        self.arithmetic = arithmetic

    def gradient(
        self,
        compute: Callable[[Idefics3ForConditionalGeneration, Supervision, Batch], tuple[Tensor, Tensor, Tensor]],
        model: Idefics3ForConditionalGeneration,
        supervision: Supervision,
        batches: list[Batch],
        share: float,
    ) -> Tensor:
        """Sets the parameters' gradients to the mean over `batches` and returns the mean of each loss.

        `share` weighs the losses of Supervision against the answer's.
        """
        parameters = [*model.parameters(), *supervision.parameters()]

        def part(batch: Batch) -> tuple[tuple[Tensor, ...], Tensor]:
            with torch.autocast("cpu", self.arithmetic, enabled=self.arithmetic is not None):
                answer, patch, token = compute(model, supervision, batch)
            total = (answer + share * (patch + token)) / len(batches)
            return torch.autograd.grad(total, parameters, allow_unused=True), torch.stack([answer, patch, token]).detach()

        results = list(self.pool.map(part, batches))
        for parameter, *gradients in zip(parameters, *(gradients for gradients, _ in results), strict=True):
            parameter.grad = None if gradients[0] is None else torch.stack(gradients).sum(0)
        return torch.stack([parts for _, parts in results]).mean(0)


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))


def settling_rate(step: int, steps: int, settle: float, peak: float, warmup: int) -> float:
    """Constant, because matching a question with what it asks about appears late and suddenly; then falling to settle."""
    start = round(steps * (1 - settle))
    if step < start:
        return peak * min(1, (step + 1) / warmup)
    return learning_rate(step - start, steps - start, peak, 0)


def make_tokenizer(folders: list[Path]) -> PreTrainedTokenizerFast:
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
    return train_tokenizer(lines, VOCABULARY)


def check_saved(model: Idefics3ForConditionalGeneration, scenes: Scenes, folder: Path) -> None:
    """HF's own processor and forward pass, from the saved folder, must say what training computed."""
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    saved = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    content = [{"type": "image"}, {"type": "text", "text": CAPTION_PROMPTS[0]}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    picture = scenes.pictures(np.array([0]))
    inputs = processor(images=[Image.fromarray(picture[0].numpy())], text=text, return_tensors="pt")
    expected = scenes.prefix + scenes.tokenizer.encode(prompt_turn(CAPTION_PROMPTS[0]), add_special_tokens=False)
    if inputs["input_ids"][0].tolist() != expected:
        raise AssertionError("the processor's prompt is not the one trained on")
    with torch.inference_mode():
        reference = saved(**inputs).logits[0, -1]
        _, images = image_embeddings(model.eval(), picture)
        embeddings = model.get_input_embeddings()(inputs["input_ids"])
        embeddings[inputs["input_ids"] == model.config.image_token_id] = images.flatten(0, 1)
        ours = model.lm_head(model.model.text_model(inputs_embeds=embeddings).last_hidden_state[0, -1])
    error = float((ours - reference).norm() / reference.norm())
    if error > 1e-4:
        raise AssertionError(f"the saved model differs from the trained one by {error:.2e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="training folders of `edgevlm data scenes`")
    parser.add_argument("--validation", type=Path, required=True, help="validation folder of `edgevlm data scenes`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the curves and the model (hf/)")
    parser.add_argument("--tower-scenes", type=Path, nargs="+", required=True, help="training folders, of many objects, for the tower")
    parser.add_argument("--tower-steps", type=int, default=4000, help="steps of the first phase: the tower alone")
    parser.add_argument("--steps", type=int, default=4000, help="steps of the second phase: the whole model")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step")
    parser.add_argument("--parts", type=int, default=4, help="parts a step's pictures are split into, for the threads to share")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate of the first phase")
    parser.add_argument("--decoder-rate", type=float, default=1e-3, help="peak learning rate of the second phase")
    parser.add_argument("--questions", type=int, default=6, help="questions a picture in the second phase")
    parser.add_argument("--warmup", type=int, default=200, help="steps")
    parser.add_argument("--curriculum", type=float, default=0.15, help="share of the second phase with single-object scenes only")
    parser.add_argument("--settle", type=float, default=0.35, help="share of the second phase, at its end, with all scenes and a falling rate")
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
        make_tokenizer(arguments.scenes).save_pretrained(out / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer")
    crowd = Scenes(arguments.tower_scenes, tokenizer)
    scenes = Scenes(arguments.scenes, tokenizer)
    validation = Scenes([arguments.validation], tokenizer)

    model = build_model(tokenizer)
    for part in (model.model.vision_model, model.model.text_model):
        # At these short lengths plain matrix products beat the fused kernel, whose backward pass is slow on a CPU.
        part.set_attn_implementation("eager")
    supervision = Supervision(model.config.vision_config.hidden_size, tokenizer)
    parameters = [*model.named_parameters(), *supervision.named_parameters()]
    decayed = [p for _, p in parameters if p.ndim >= 2]
    plain = [p for _, p in parameters if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=arguments.rate, betas=(0.9, 0.98), fused=True
    )
    checkpoint = out / "checkpoint.pt"
    step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        supervision.load_state_dict(state["supervision"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(crowd.truths)} + {len(scenes.truths)} pictures, from step {step}", flush=True)

    def record(entry: dict[str, object]) -> None:
        with (out / "curves.jsonl").open("a", encoding="utf-8") as curves:
            curves.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)

    def save() -> None:
        part = out / "checkpoint.pt.part"
        state = {"model": model.state_dict(), "supervision": supervision.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        torch.save(state, part)
        part.replace(checkpoint)
        save_model(model, tokenizer, out / "hf")
        check_saved(model, validation, out / "hf")
        model.train()

    if step == 0:
        save()
    model.train()
    singles, several = np.flatnonzero(scenes.single), np.flatnonzero(~scenes.single)
    mixed = np.concatenate([singles[: len(several)], several])
    end = arguments.tower_steps + arguments.steps
    until = end if arguments.stop_after is None else min(end, step + arguments.stop_after)
    started, counted = time.monotonic(), step
    sums = np.zeros(3)
    while step < until:
        joint = step - arguments.tower_steps
        random = np.random.default_rng([arguments.seed, step])
        if joint < 0:
            order = batch_indices(np.arange(len(crowd.truths)), arguments.seed, step, arguments.batch)
            batches = [crowd.batch(part, random, 0) for part in np.split(order, arguments.parts)]
            compute, share = tower_losses, 1.0
            rate = learning_rate(step, 2 * arguments.tower_steps, arguments.rate, arguments.warmup)
        else:
            # The decoder first learns to speak of one object; then, from scenes where only the question tells which object
            # is meant, to look for it; then everything together.
            done = joint / arguments.steps
            pool = singles if done < arguments.curriculum else several if done < 1 - arguments.settle else mixed
            order = batch_indices(pool, arguments.seed, joint, arguments.batch)
            batches = [scenes.batch(part, random, arguments.questions) for part in np.split(order, arguments.parts)]
            compute, share = losses, 0.3
            rate = settling_rate(joint, arguments.steps, arguments.settle, arguments.decoder_rate, arguments.warmup)
        sums += workers.gradient(compute, model, supervision, batches, share).numpy()
        nn.utils.clip_grad_norm_([p for _, p in parameters], 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            mean = sums / (step - counted)
            speed = (step - counted) * arguments.batch / (time.monotonic() - started)
            entry = {"step": step, "patch": round(mean[1], 4), "token": round(mean[2], 4), "pictures_per_s": round(speed)}
            record(entry if step <= arguments.tower_steps else {**entry, "answer": round(mean[0], 4)})
            started, counted, sums = time.monotonic(), step, np.zeros(3)
        if step % arguments.every == 0 or step == until:
            save()
            if step > arguments.tower_steps:
                record({"step": step, "validation": evaluate(model, tokenizer, validation, 300)})
            started, counted, sums = time.monotonic(), step, np.zeros(3)


if __name__ == "__main__":
    main()
