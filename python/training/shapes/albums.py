"""Albums written by `edgevlm data`: conversations over many pictures, and then questions about the early ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from dataset import Batch, Pictures, SceneObject, Texts, Truth, Turn, fits, phrases, read_truths, rounded_up
from model import IMAGE_TOKENS


@dataclass
class AlbumBatch(Batch):
    """Conversations, and where the questions at their end find their answers."""

    replied: torch.Tensor  # bool (rows, length): which targets answer these questions
    recalls: torch.Tensor  # int64 (recalls, 2): row and place of the last token of such a question
    recalled: torch.Tensor  # float (recalls, length): the words of an earlier caption that it means; each row sums to 1


def object_spans(picture: Truth) -> list[tuple[int, int]]:
    """Where in a picture's caption each of its objects is told, in characters: from its size to its place."""
    spans = []
    at = 0
    for scene_object in picture["objects"]:
        noun = f"digit {scene_object['digit']}" if "digit" in scene_object else scene_object["shape"]
        words = [scene_object["size"], scene_object.get("colour"), noun, f"at the {scene_object['position']}"]
        phrase = " ".join(word for word in words if word)
        start = picture["caption"].index(phrase, at)
        at = start + len(phrase)
        spans.append((start, at))
    return spans


class Conversation:
    """Token ids and targets, turn by turn."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.targets: list[int] = []
        self.recalls: list[tuple[int, list[int]]] = []  # the last token of a question, and the tokens of the caption that it means

    def say(self, prefix: list[int], turn: Turn) -> int:
        """Adds a turn; returns where its answer starts."""
        self.tokens.extend([*prefix, *turn.ids])
        self.targets.extend([-100] * (len(prefix) + turn.answer - 1))
        self.targets.extend([*turn.ids[turn.answer :], -100])
        return len(self.tokens) - len(turn.ids) + turn.answer


class Albums:
    """A folder of albums."""

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.texts = Texts(tokenizer)
        self.truths = read_truths(folder, "album.jsonl")
        pictures = [picture for truth in self.truths for picture in truth["pictures"]]
        self.first = np.cumsum([0, *(len(truth["pictures"]) for truth in self.truths)])
        self.store = Pictures([(folder, [p["file"] for p in pictures])], [p["objects"] for p in pictures])

    def __len__(self) -> int:
        return len(self.truths)

    def conversation(
        self,
        index: int,
        pictures: int,
        random: np.random.Generator | None = None,
        questions: int | None = None,
        prefix: list[int] | None = None,
    ) -> Conversation:
        """An album's first `pictures`, and in `random` order at most `questions` of the questions that ask about them."""
        truth = self.truths[index]
        prefix = self.texts.prefix if prefix is None else prefix
        said = Conversation()
        # For each picture its objects and the tokens of the caption that tell them.
        told: list[list[tuple[SceneObject, list[int]]]] = []
        for number, picture in enumerate(truth["pictures"][:pictures]):
            turn = self.texts.turn(picture["prompt"], picture["caption"])
            # The template opens the conversation once; later turns start on a new line.
            start = said.say(prefix if number == 0 else [*self.texts.encode("\n"), *prefix[1:]], turn)
            words = [[start + n for n, end in enumerate(turn.ends) if low < end <= high] for low, high in object_spans(picture)]
            told.append(list(zip(picture["objects"], words, strict=True)))
        asked = [question for question in truth["questions"] if question["picture"] <= pictures]
        if random is not None:
            asked = [asked[at] for at in random.permutation(len(asked))]
        for question in asked[:questions]:
            turn = self.texts.turn(f" {question['question']}", question["answer"])
            start = said.say(self.texts.encode("\nUser:"), turn)
            objects = told[question["picture"] - 1]
            found = [phrase for _, phrase in phrases(question["question"])]
            meant = [word for o, words in objects if any(fits(o, phrase) for phrase in found) for word in words]
            # What is nowhere can only be told from the whole caption.
            said.recalls.append((start - 1, meant or [word for _, own in objects for word in own]))
        return said

    def batch(
        self,
        indices: NDArray[np.int64],
        random: np.random.Generator | None,
        pictures: int,
        questions: int | None = None,
        prefix: list[int] | None = None,
    ) -> AlbumBatch:
        """Albums cut to their first `pictures` pictures and `questions` questions."""
        said = [self.conversation(index, pictures, random, questions, prefix) for index in indices]
        length = rounded_up(max(len(one.tokens) for one in said))
        ids = np.full((len(said), length), self.tokenizer.pad_token_id, np.int64)
        targets = np.full((len(said), length), -100, np.int64)
        replied = np.zeros((len(said), length), bool)
        recalls = [(row, place, words) for row, one in enumerate(said) for place, words in one.recalls]
        recalled = np.zeros((len(recalls), length), np.float32)
        for row, one in enumerate(said):
            ids[row, : len(one.tokens)] = one.tokens
            targets[row, : len(one.targets)] = one.targets
            if one.recalls:
                replied[row, one.recalls[0][0] :] = targets[row, one.recalls[0][0] :] >= 0
        for number, (_, _, words) in enumerate(recalls):
            recalled[number, words] = 1 / len(words)
        pixels, patch_labels, token_labels = self.store.of(np.concatenate([self.first[i] + np.arange(pictures) for i in indices]))
        return AlbumBatch(
            pixels,
            torch.from_numpy(ids),
            torch.arange(length).expand(len(said), length),
            torch.ones(length, length, dtype=torch.bool).tril().expand(len(said), 1, length, length),
            torch.from_numpy(targets),
            patch_labels,
            token_labels,
            torch.zeros(0, 2, dtype=torch.int64),
            torch.zeros(0, IMAGE_TOKENS),
            torch.from_numpy(replied),
            torch.tensor([(row, place) for row, place, _ in recalls], dtype=torch.int64).view(-1, 2),
            torch.from_numpy(recalled),
        )
