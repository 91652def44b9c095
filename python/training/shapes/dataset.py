"""Scenes and albums written by `edgevlm data`, as arrays: pixels decoded once, truths tokenised once."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import PreTrainedTokenizerFast

from model import IMAGE_SIDE, IMAGE_TOKENS, LLAMA_CPP_PREFIXES, PATCHES_PER_SIDE, PROMPT_PREFIX, TOKENS_PER_SIDE, prompt_turn
from tokenizer import END_OF_UTTERANCE

SHAPES = ["circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring", "moon", "arrow", "digit"]
COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "cyan", "white", "black"]
SIZES = ["small", "medium", "large"]
DIGITS = [str(digit) for digit in range(10)]
POSITIONS = ["top left", "top right", "bottom left", "bottom right", "top", "left", "center", "right", "bottom"]
# What each patch and each image token is labelled with, in this order; objects without a colour or a digit have no such label.
LABELS: list[tuple[str, list[str]]] = [("shape", SHAPES), ("colour", COLOURS), ("size", SIZES), ("digit", DIGITS)]

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

# How often a kind of question is drawn: more often those that compare the question with the picture, which are learnt last.
KIND_WEIGHT = {"exists": 2.0, "relation": 2.5, "count": 1.5, "digit": 2.0}

NOUNS = {**{shape: shape for shape in SHAPES}, **{f"{shape}s": shape for shape in SHAPES}, "crosses": "cross"}
WORD = "|".join([r"digit \d", *SIZES, *COLOURS, *NOUNS, "objects?", "shapes?"])
PHRASE = re.compile(rf"\b(?:the|an?|anything|many)((?: (?:{WORD})\b)+)(?: at the ({'|'.join(POSITIONS)})\b)?")

Truth = dict[str, Any]
SceneObject = dict[str, Any]


def read_truths(folder: Path, name: str = "truths.jsonl") -> list[Truth]:
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_pixels(folder: Path, files: list[str]) -> NDArray[np.uint8]:
    """All pictures as one memory-mapped array (pictures, side, side, 3), decoded on the first call."""
    cache = folder / "pixels.npy"
    if not cache.exists():
        part = folder / "pixels.part.npy"
        array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(files), IMAGE_SIDE, IMAGE_SIDE, 3))

        def decode(index: int) -> None:
            with Image.open(folder / files[index]) as picture:
                array[index] = np.asarray(picture.convert("RGB"))

        with ThreadPoolExecutor() as pool:
            list(pool.map(decode, range(len(files)), chunksize=64))
        array.flush()
        part.rename(cache)
    pixels = np.load(cache, mmap_mode="r")
    if len(pixels) != len(files):
        raise ValueError(f"{cache} holds {len(pixels)} pictures, not {len(files)}: delete it")
    return pixels


def cover_shares(objects: list[SceneObject], cells: int) -> NDArray[np.float64]:
    """(objects, cells²): which share of each cell of a `cells` × `cells` grid an object's box fills."""
    edges = np.arange(cells + 1) * (IMAGE_SIDE / cells)
    shares = []
    for left, top, right, bottom in (scene_object["box"] for scene_object in objects):
        across = np.clip(np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1]), 0, None)
        down = np.clip(np.minimum(bottom, edges[1:]) - np.maximum(top, edges[:-1]), 0, None)
        shares.append((down[:, None] * across[None, :]).ravel() * (cells / IMAGE_SIDE) ** 2)
    return np.stack(shares)


def cover_labels(objects: list[SceneObject], cells: int, least: float) -> NDArray[np.int8]:
    """What covers each cell: (cells², kinds of LABELS), counted from 1; 0 is nothing, -1 something without such a label.

    An object covers a cell when its box fills at least `least` of the cell; the one that fills most wins.
    """
    shares = cover_shares(objects, cells)
    names = [[1 + words.index(str(o[kind])) if kind in o else -1 for kind, words in LABELS] for o in objects]
    labels = np.array(names, np.int8)[shares.argmax(0)]
    labels[shares.max(0) <= least] = 0
    return labels


def phrases(question: str) -> list[tuple[int, dict[str, str]]]:
    """The phrases of a question that mean objects: where each ends, and what it says of them."""
    found = []
    for match in PHRASE.finditer(question):
        said: dict[str, str] = {}
        for word in re.findall(WORD, match[1]):
            if word in SIZES:
                said["size"] = word
            elif word in COLOURS:
                said["colour"] = word
            elif word.startswith("digit "):
                said |= {"shape": "digit", "digit": word[6:]}
            elif word in NOUNS:
                said["shape"] = NOUNS[word]
        if match[2]:
            said["position"] = match[2]
        found.append((match.end(), said))
    return found


def fits(scene_object: SceneObject, said: dict[str, str]) -> bool:
    """Whether all that is said of an object is true of this one."""
    return all(str(scene_object.get(kind)) == word for kind, word in said.items())


@dataclass
class Turn:
    """A question and its answer: token ids, where the answer starts, the last token of each phrase that means objects, and the
    character of the answer at which each of its tokens ends."""

    ids: list[int]
    answer: int
    phrases: list[tuple[int, dict[str, str]]]
    ends: list[int]


@dataclass
class Batch:
    """Rows of token ids with the pictures they hold; what a loss needs is beside them."""

    pixels: torch.Tensor  # uint8 (pictures, side, side, 3), in the order of the image tokens
    ids: torch.Tensor  # int64 (rows, length)
    positions: torch.Tensor  # int64 (rows, length)
    mask: torch.Tensor  # bool (rows, 1, length, length): True where a token may look
    targets: torch.Tensor  # int64 (rows, length): the next token where it is part of an answer, else -100
    patch_labels: torch.Tensor  # int64 (pictures, patches, kinds)
    token_labels: torch.Tensor  # int64 (pictures, image tokens, kinds)
    phrase_ends: torch.Tensor  # int64 (phrases, 2): row and place of the last token of a phrase that means objects
    meant: torch.Tensor  # float (phrases, image tokens): where in the row's one picture these are; each row sums to 1


class Texts:
    """Turns of a conversation as token ids, each made once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.prefix: list[int] = self.encode(PROMPT_PREFIX)
        # What else a conversation may start with, by the keys of LLAMA_CPP_PREFIXES.
        self.prefixes = {name: [self.encode(prefix) for prefix in prefixes] for name, prefixes in LLAMA_CPP_PREFIXES.items()}
        self.turns: dict[tuple[str, str], Turn] = {}

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def turn(self, question: str, answer: str) -> Turn:
        key = (question, answer)
        if key not in self.turns:
            prompt = self.tokenizer(prompt_turn(question), add_special_tokens=False, return_offsets_mapping=True)
            ends = {end: index for index, (_, end) in enumerate(prompt["offset_mapping"])}
            reply = self.tokenizer(f" {answer}{END_OF_UTTERANCE}", add_special_tokens=False, return_offsets_mapping=True)
            found = [(ends[end], said) for end, said in phrases(question)]
            # The answer follows a space.
            said_to = [end - 1 for _, end in reply["offset_mapping"]]
            self.turns[key] = Turn(prompt["input_ids"] + reply["input_ids"], len(prompt["input_ids"]), found, said_to)
        return self.turns[key]


class Pictures:
    """The pictures of several folders, with what covers them."""

    def __init__(self, folders: list[tuple[Path, list[str]]], objects: list[list[SceneObject]]) -> None:
        self.pixels = [read_pixels(folder, files) for folder, files in folders]
        self.where = [(number, row) for number, (_, files) in enumerate(folders) for row in range(len(files))]
        self.patch_labels = np.stack([cover_labels(o, PATCHES_PER_SIDE, 0.12) for o in objects])
        self.token_labels = np.stack([cover_labels(o, TOKENS_PER_SIDE, 0.06) for o in objects])

    def of(self, indices: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The pixels, the patches' labels and the image tokens' labels of these pictures."""
        pixels = np.stack([self.pixels[self.where[i][0]][self.where[i][1]] for i in indices])
        labels = (torch.from_numpy(part[indices].astype(np.int64)) for part in (self.patch_labels, self.token_labels))
        return torch.from_numpy(pixels), *labels


def rounded_up(length: int) -> int:
    """Few different lengths, so that few kernels are made."""
    return -(-length // 16) * 16


class Scenes:
    """Folders of scenes: single pictures, each with several turns packed behind one shared prefix."""

    def __init__(self, folders: list[Path], tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.texts = Texts(tokenizer)
        self.prefix = self.texts.prefix
        truths = [read_truths(folder) for folder in folders]
        self.truths: list[Truth] = [truth for part in truths for truth in part]
        objects = [truth["objects"] for truth in self.truths]
        self.covers = [cover_shares(part, TOKENS_PER_SIDE) > 0.06 for part in objects]
        self.store = Pictures([(folder, [t["file"] for t in part]) for folder, part in zip(folders, truths, strict=True)], objects)

    def __len__(self) -> int:
        return len(self.truths)

    def pictures(self, indices: NDArray[np.int64]) -> torch.Tensor:
        return self.store.of(indices)[0]

    def meant(self, index: int, said: dict[str, str]) -> NDArray[np.float64] | None:
        """Where in a picture the objects are of which all of `said` is true, as shares of the image tokens; None if nowhere."""
        covered = np.zeros(IMAGE_TOKENS)
        for scene_object, where in zip(self.truths[index]["objects"], self.covers[index], strict=True):
            if fits(scene_object, said):
                covered[where] = 1
        return covered / covered.sum() if covered.any() else None

    def chosen_turns(self, index: int, random: np.random.Generator, questions: int) -> list[Turn]:
        """The canonical caption and `questions` of a picture's questions."""
        truth = self.truths[index]
        weights = np.array([KIND_WEIGHT.get(question["kind"], 1.0) for question in truth["questions"]])
        chosen = random.choice(len(weights), min(questions, len(weights)), replace=False, p=weights / weights.sum())
        asked = [truth["questions"][c] for c in chosen]
        caption = self.texts.turn(str(random.choice(CAPTION_PROMPTS)), truth["caption"])
        return [caption, *(self.texts.turn(q["question"], q["answer"]) for q in asked)]

    def batch(self, indices: NDArray[np.int64], random: np.random.Generator, questions: int, prefix: list[int] | None = None) -> Batch:
        """Each picture with its caption and `questions` of its questions, which do not see each other; with none, the picture alone."""
        prefix = self.prefix if prefix is None else prefix
        packed = [[] if questions == 0 else self.chosen_turns(index, random, questions) for index in indices]
        start = len(prefix)
        length = rounded_up(start + max(sum(len(t.ids) for t in turns) for turns in packed))
        rows = len(indices)
        ids = np.full((rows, length), self.tokenizer.pad_token_id, np.int64)
        positions = np.zeros((rows, length), np.int64)
        segment = np.full((rows, length), -1, np.int64)
        targets = np.full((rows, length), -100, np.int64)
        ids[:, :start] = prefix
        positions[:, :start] = np.arange(start)
        segment[:, :start] = 0
        ends: list[tuple[int, int]] = []
        meant: list[NDArray[np.float64]] = []
        for row, turns in enumerate(packed):
            at = start
            for number, turn in enumerate(turns, 1):
                end = at + len(turn.ids)
                ids[row, at:end] = turn.ids
                positions[row, at:end] = start + np.arange(len(turn.ids))
                segment[row, at:end] = number
                targets[row, at + turn.answer - 1 : end - 1] = turn.ids[turn.answer :]
                for place, said in turn.phrases:
                    where = self.meant(indices[row], said)
                    if where is not None:
                        ends.append((row, at + place))
                        meant.append(where)
                at = end
        same = segment[:, :, None] == segment[:, None, :]
        mask = (same | (segment[:, None, :] == 0)) & np.tri(length, dtype=bool)
        pixels, patch_labels, token_labels = self.store.of(indices)
        return Batch(
            pixels,
            torch.from_numpy(ids),
            torch.from_numpy(positions),
            torch.from_numpy(mask)[:, None],
            torch.from_numpy(targets),
            patch_labels,
            token_labels,
            torch.tensor(ends, dtype=torch.int64).view(-1, 2),
            torch.from_numpy(np.array(meant, np.float32).reshape(-1, IMAGE_TOKENS)),
        )
