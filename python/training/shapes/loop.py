"""The training loop: steps, curves and checkpoints; a run that was stopped goes on where its last checkpoint was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dataset import Batch
from optimise import Compute, Workers


@dataclass
class Step:
    """What one step minimises, on what, and how fast."""

    compute: Compute
    batches: list[Callable[[], Batch]]
    rate: float


class Loop:
    """Modules in training, with their optimizers, in a folder."""

    def __init__(self, out: Path, modules: dict[str, nn.Module], optimizers: list[torch.optim.Optimizer], workers: Workers) -> None:
        """Goes on from the folder's checkpoint, if it has one."""
        self.out = out
        self.modules = modules
        self.optimizers = optimizers
        self.workers = workers
        self.parameters = [parameter for module in modules.values() for parameter in module.parameters() if parameter.requires_grad]
        self.step = 0
        checkpoint = out / "checkpoint.pt"
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            for name, module in modules.items():
                module.load_state_dict(state[name])
            for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.step = state["step"]

    def record(self, entry: dict[str, object]) -> None:
        """Adds a line to curves.jsonl."""
        with (self.out / "curves.jsonl").open("a", encoding="utf-8") as curves:
            curves.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)

    def save(self) -> None:
        """Writes the checkpoint; it appears only when it is whole."""
        part = self.out / "checkpoint.pt.part"
        states = {name: module.state_dict() for name, module in self.modules.items()}
        torch.save({**states, "optimizers": [o.state_dict() for o in self.optimizers], "step": self.step}, part)
        part.replace(self.out / "checkpoint.pt")

    def run(self, until: int, make: Callable[[int], Step], every: int, saved: Callable[[int], None]) -> None:
        """Steps until `until`, each made by `make`; calls `saved` after each checkpoint, every `every` steps and at the end."""
        started, pictures = time.monotonic(), 0
        sums: dict[str, list[float]] = {}
        while self.step < until:
            step = make(self.step)
            for name, loss in self.workers.gradient(step.compute, self.parameters, step.batches).items():
                sums.setdefault(name, []).append(loss)
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = step.rate
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            self.step += 1
            pictures += self.workers.pictures
            if self.step % 50 == 0:
                speed = round(pictures / (time.monotonic() - started))
                self.record({"step": self.step, "pictures_per_s": speed, **{name: round(float(np.mean(v)), 4) for name, v in sums.items()}})
                started, pictures, sums = time.monotonic(), 0, {}
            if self.step % every == 0 or self.step == until:
                self.save()
                saved(self.step)
                started, pictures = time.monotonic(), 0
