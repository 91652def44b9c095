"""Greedy answers of the shapes model on scenes it was not trained on, compared word for word with the truth."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer, Idefics3ForConditionalGeneration, PreTrainedTokenizerFast

from albums import Albums
from dataset import CAPTION_PROMPTS, Scenes
from decoder import Decoder
from model import image_embeddings, prompt_turn


@torch.inference_mode()
def answer(
    model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, scenes: Scenes, asked: list[tuple[int, str]]
) -> list[str]:
    """The greedy answer to each (picture, question); questions of the same length in tokens run together."""
    answers = [""] * len(asked)
    by_length: dict[int, list[int]] = defaultdict(list)
    prompts = [scenes.prefix + tokenizer.encode(prompt_turn(question), add_special_tokens=False) for _, question in asked]
    for number, prompt in enumerate(prompts):
        by_length[len(prompt)].append(number)
    for numbers in by_length.values():
        for start in range(0, len(numbers), 128):
            group = numbers[start : start + 128]
            ids = torch.tensor([prompts[n] for n in group])
            _, images = image_embeddings(model, scenes.pictures(np.array([asked[n][0] for n in group])))
            embeddings = model.get_input_embeddings()(ids)
            embeddings[ids == model.config.image_token_id] = images.flatten(0, 1)
            cache = None
            done = torch.zeros(len(group), dtype=torch.bool)
            tokens: list[list[int]] = [[] for _ in group]
            while not done.all() and len(tokens[0]) < 64:
                output = model.model.text_model(inputs_embeds=embeddings, past_key_values=cache, use_cache=True)
                cache = output.past_key_values
                chosen = model.lm_head(output.last_hidden_state[:, -1]).argmax(-1)
                done |= chosen == tokenizer.eos_token_id
                for row, token in enumerate(chosen.tolist()):
                    tokens[row].append(tokenizer.pad_token_id if done[row] else token)
                embeddings = model.get_input_embeddings()(chosen[:, None])
            for number, text in zip(group, tokenizer.batch_decode(tokens, skip_special_tokens=True), strict=True):
                answers[number] = text.strip()
    return answers


def evaluate(model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, scenes: Scenes, limit: int) -> dict[str, float]:
    """Shares of right answers: `caption` is the whole canonical caption, the others one kind of question each."""
    model.eval()
    asked: list[tuple[int, str]] = []
    truths: list[tuple[str, str]] = []
    for index, truth in enumerate(scenes.truths[:limit]):
        asked.append((index, CAPTION_PROMPTS[0]))
        truths.append(("caption", truth["caption"]))
        for question in truth["questions"]:
            asked.append((index, question["question"]))
            truths.append((question["kind"], question["answer"]))
    right: dict[str, list[bool]] = defaultdict(list)
    for (kind, truth_text), said in zip(truths, answer(model, tokenizer, scenes, asked), strict=True):
        right[kind].append(said == truth_text)
        if kind != "caption":
            right["vqa"].append(said == truth_text)
    model.train()
    return {kind: round(float(np.mean(hits)), 4) for kind, hits in right.items()}


@torch.inference_mode()
def evaluate_albums(
    model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, albums: Albums, limit: int
) -> dict[str, float]:
    """Shares of questions about early pictures whose every token is the likeliest, given the questions and answers before."""
    model.eval()
    decoder = Decoder(model.model.text_model)
    right: dict[str, list[bool]] = defaultdict(list)
    for index in range(min(limit, len(albums))):
        pictures = len(albums.truths[index]["pictures"])
        batch = albums.batch(np.array([index]), None, pictures)
        embeddings = model.get_input_embeddings()(batch.ids)
        _, images = image_embeddings(model, batch.pixels)
        embeddings[batch.ids == model.config.image_token_id] = images.flatten(0, 1)
        state = decoder.states(embeddings, batch.mask, batch.positions)[-1]
        said = model.lm_head(decoder.normed(state[0])).argmax(-1)
        ends = [*(int(place) for _, place in batch.recalls[1:]), batch.targets.shape[1]]
        for question, (_, start), end in zip(albums.truths[index]["questions"], batch.recalls.tolist(), ends, strict=True):
            wanted = batch.targets[0, start:end]
            hit = bool((said[start:end] == wanted)[wanted >= 0].all())
            right[question["kind"]].append(hit)
            right["all"].append(hit)
    model.train()
    return {kind: round(float(np.mean(hits)), 4) for kind, hits in right.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="folders written by `edgevlm data scenes`")
    parser.add_argument("--limit", type=int, default=1000, help="pictures of each folder")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForImageTextToText.from_pretrained(arguments.model, dtype=torch.float32)
    for folder in arguments.scenes:
        scores = evaluate(model, tokenizer, Scenes([folder], tokenizer), arguments.limit)
        print(json.dumps({"scenes": folder.name, "pictures": arguments.limit, **scores}), flush=True)


if __name__ == "__main__":
    main()
