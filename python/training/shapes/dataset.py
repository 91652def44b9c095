"""Scenes written by `edgevlm data scenes`, as arrays: pixels decoded once, truths tokenised once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import PreTrainedTokenizerFast

from model import IMAGE_SIDE, PATCHES_PER_SIDE, PROMPT_PREFIX, TOKENS_PER_SIDE, prompt_turn
from tokenizer import END_OF_UTTERANCE

SHAPES = ["circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring", "moon", "arrow"]
COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "cyan", "white", "black"]
SIZES = ["small", "medium", "large"]

CAPTION_PROMPTS = [
    "Describe the picture.",
    "Describe this picture.",
    "Describe the image.",
    "Describe this image.",
    "Can you describe this image?",
    "Caption this image.",
    "What is in the picture?",
    "What is in this image?",
]

# Yes or no is learnt last: it compares the question with the picture, where the other answers are read off the picture.
EXISTS_WEIGHT = 3.0

Truth = dict[str, Any]


def read_truths(folder: Path) -> list[Truth]:
    with (folder / "truths.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_pixels(folder: Path, truths: list[Truth]) -> NDArray[np.uint8]:
    """All pictures as one memory-mapped array (pictures, side, side, 3), decoded on the first call."""
    cache = folder / "pixels.npy"
    if not cache.exists():
        part = folder / "pixels.part.npy"
        array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(truths), IMAGE_SIDE, IMAGE_SIDE, 3))

        def decode(index: int) -> None:
            with Image.open(folder / truths[index]["file"]) as picture:
                array[index] = np.asarray(picture.convert("RGB"))

        with ThreadPoolExecutor() as pool:
            list(pool.map(decode, range(len(truths)), chunksize=64))
        array.flush()
        part.rename(cache)
    pixels = np.load(cache, mmap_mode="r")
    if len(pixels) != len(truths):
        raise ValueError(f"{cache} holds {len(pixels)} pictures, not {len(truths)}: delete it")
    return pixels


def cover_labels(truth: Truth, cells: int, least: float) -> NDArray[np.int64]:
    """What covers each cell of a `cells` × `cells` grid: (cells², 3) of shape, colour and size indices, 0 being nothing.

    An object covers a cell when its box fills at least `least` of the cell; the one that fills most wins.
    """
    labels = np.zeros((cells, cells, 3), np.int64)
    best = np.full((cells, cells), least)
    edges = np.arange(cells + 1) * (IMAGE_SIDE / cells)
    for scene_object in truth["objects"]:
        left, top, right, bottom = scene_object["box"]
        across = np.clip(np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1]), 0, None)
        down = np.clip(np.minimum(bottom, edges[1:]) - np.maximum(top, edges[:-1]), 0, None)
        share = down[:, None] * across[None, :] * (cells / IMAGE_SIDE) ** 2
        names = (
            1 + SHAPES.index(scene_object["shape"]),
            1 + COLOURS.index(scene_object["colour"]),
            1 + SIZES.index(scene_object["size"]),
        )
        won = share > best
        labels[won] = names
        best = np.maximum(best, share)
    return labels.reshape(-1, 3)


@dataclass
class Turn:
    """A question and its answer: token ids, and where the answer starts."""

    ids: list[int]
    answer: int


@dataclass
class Batch:
    """Pictures, each with several turns packed behind one shared prefix; turns do not see each other."""

    pixels: torch.Tensor  # uint8 (pictures, side, side, 3)
    ids: torch.Tensor  # int64 (pictures, length)
    positions: torch.Tensor  # int64 (pictures, length): each turn counts on from the prefix
    mask: torch.Tensor  # bool (pictures, 1, length, length): True where a token may look
    targets: torch.Tensor  # int64 (pictures, length): the next token where it is part of an answer, else -100
    patch_labels: torch.Tensor  # int64 (pictures, patches, 3)
    token_labels: torch.Tensor  # int64 (pictures, image tokens, 3)


class Scenes:
    """One or more folders of scenes, with the texts they are trained on."""

    def __init__(self, folders: list[Path], tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.truths: list[Truth] = []
        self.pixels: list[NDArray[np.uint8]] = []
        self.where: list[tuple[int, int]] = []
        for number, folder in enumerate(folders):
            truths = read_truths(folder)
            self.pixels.append(read_pixels(folder, truths))
            self.where += [(number, row) for row in range(len(truths))]
            self.truths += truths
        self.prefix: list[int] = tokenizer.encode(PROMPT_PREFIX, add_special_tokens=False)
        self.turns: dict[tuple[str, str], Turn] = {}
        self.patch_labels = np.stack([cover_labels(t, PATCHES_PER_SIDE, 0.12) for t in self.truths]).astype(np.int8)
        self.token_labels = np.stack([cover_labels(t, TOKENS_PER_SIDE, 0.06) for t in self.truths]).astype(np.int8)
        self.single = np.array([len(t["objects"]) == 1 for t in self.truths])

    def turn(self, question: str, answer: str) -> Turn:
        key = (question, answer)
        if key not in self.turns:
            prompt = self.tokenizer.encode(prompt_turn(question), add_special_tokens=False)
            reply = self.tokenizer.encode(f" {answer}{END_OF_UTTERANCE}", add_special_tokens=False)
            self.turns[key] = Turn(prompt + reply, len(prompt))
        return self.turns[key]

    def pictures(self, indices: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.pixels[self.where[i][0]][self.where[i][1]] for i in indices]))

    def batch(self, indices: NDArray[np.int64], random: np.random.Generator, questions: int) -> Batch:
        """Each picture with its canonical caption and `questions` of its questions; with none, the picture alone."""
        packed: list[list[Turn]] = []
        for index in indices:
            truth = self.truths[index]
            weights = np.array([EXISTS_WEIGHT if question["kind"] == "exists" else 1.0 for question in truth["questions"]])
            chosen = random.choice(len(weights), min(questions, len(weights)), replace=False, p=weights / weights.sum())
            turns = [] if questions == 0 else [self.turn(str(random.choice(CAPTION_PROMPTS)), truth["caption"])]
            turns += [self.turn(truth["questions"][c]["question"], truth["questions"][c]["answer"]) for c in chosen]
            packed.append(turns)

        start = len(self.prefix)
        # A round length, so that few shapes occur.
        length = -(-(start + max(sum(len(t.ids) for t in turns) for turns in packed)) // 16) * 16
        rows = len(indices)
        ids = np.full((rows, length), self.tokenizer.pad_token_id, np.int64)
        positions = np.zeros((rows, length), np.int64)
        segment = np.full((rows, length), -1, np.int64)
        targets = np.full((rows, length), -100, np.int64)
        ids[:, :start] = self.prefix
        positions[:, :start] = np.arange(start)
        segment[:, :start] = 0
        for row, turns in enumerate(packed):
            at = start
            for number, turn in enumerate(turns, 1):
                end = at + len(turn.ids)
                ids[row, at:end] = turn.ids
                positions[row, at:end] = start + np.arange(len(turn.ids))
                segment[row, at:end] = number
                targets[row, at + turn.answer - 1 : end - 1] = turn.ids[turn.answer :]
                at = end
        same = segment[:, :, None] == segment[:, None, :]
        mask = (same | (segment[:, None, :] == 0)) & np.tri(length, dtype=bool)
        return Batch(
            self.pictures(indices),
            torch.from_numpy(ids),
            torch.from_numpy(positions),
            torch.from_numpy(mask)[:, None],
            torch.from_numpy(targets),
            torch.from_numpy(self.patch_labels[indices].astype(np.int64)),
            torch.from_numpy(self.token_labels[indices].astype(np.int64)),
        )
