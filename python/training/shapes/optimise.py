"""How training steps are made: gradients in parts on threads, the optimizers, the learning rate and the order of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor, nn

from dataset import Batch
from muon import Muon

# A part's loss to be minimised, and what it consists of.
Compute = Callable[[Batch], tuple[Tensor, dict[str, Tensor]]]


class Workers:
    """Computes a step's gradient in small parts on several threads, each part on one core.

    Unlike one operation spread over the cores, this loses nothing when another program takes a core for a while: the
    other thread takes the next part. The parts are added in a fixed order, so the sum does not depend on who was faster.
    """

    def __init__(self, threads: int, arithmetic: torch.dtype | None) -> None:
        """`arithmetic` is the type of matrix products, None for the parameters' own."""
        self.pool = ThreadPoolExecutor(threads)
        self.arithmetic = arithmetic
        self.pictures = 0

    def gradient(self, compute: Compute, parameters: list[nn.Parameter], batches: list[Callable[[], Batch]]) -> dict[str, float]:
        """Sets the parameters' gradients to the mean over `batches`, each made where it is used, and `pictures` to their number;
        returns the mean of each loss."""

        def part(make: Callable[[], Batch]) -> tuple[tuple[Tensor, ...], dict[str, float], int]:
            batch = make()
            with torch.autocast("cpu", self.arithmetic, enabled=self.arithmetic is not None):
                total, parts = compute(batch)
            gradients = torch.autograd.grad(total / len(batches), parameters, allow_unused=True)
            return gradients, {name: loss.item() for name, loss in parts.items()}, len(batch.pixels)

        results = list(self.pool.map(part, batches))
        for parameter, *gradients in zip(parameters, *(gradients for gradients, _, _ in results), strict=True):
            known = [gradient for gradient in gradients if gradient is not None]
            parameter.grad = torch.stack(known).sum(0) if known else None
        self.pictures = sum(pictures for _, _, pictures in results)
        return {name: sum(parts[name] for _, parts, _ in results) / len(results) for name in results[0][1]}


def tuned(parameters: list[tuple[str, nn.Parameter]], rate: float, pool: ThreadPoolExecutor) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, norms, biases and what only training uses."""
    inner = [p for name, p in parameters if p.ndim == 2 and ("layers." in name or "connector." in name)]
    chosen = set(map(id, inner))
    rest = [p for _, p in parameters if id(p) not in chosen]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [Muon(inner, rate, pool), torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)]


def batch_indices(count: int, seed: int, step: int, size: int) -> np.ndarray:
    """The `size` of `count` that a step sees: epochs in seeded orders, so a resumed run sees what an uninterrupted one sees."""
    epoch, within = divmod(step, count // size)
    order = np.random.default_rng([seed, epoch, count]).permutation(count)
    return order[within * size : (within + 1) * size]


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
