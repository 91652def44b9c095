"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal, so that rare directions are learnt as fast as common ones.

torch.optim.Muon does the same one matrix after the other; here matrices of a shape go together and the shapes on several threads.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import torch
from torch import Tensor

# The quintic iteration's coefficients and count, as published: singular values end between 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalised(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrix of each, roughly, by Newton-Schulz iterations in bfloat16; (count, rows, columns)."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """For weight matrices only. The update is scaled to AdamW's usual size, so the two share a learning rate."""

    def __init__(self, parameters: list[Tensor], rate: float, pool: Executor, weight_decay: float = 0.05, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": rate, "weight_decay": weight_decay, "momentum": momentum})
        self.pool = pool

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault(parameter.shape, []).append(parameter)
            # A few matrices at a time, so that the threads share them evenly.
            jobs = [same[at : at + 4] for same in shapes.values() for at in range(0, len(same), 4)]
            jobs.sort(key=lambda job: -job[0].numel() * len(job))
            update = partial(self.update, rate=group["lr"], weight_decay=group["weight_decay"], momentum=group["momentum"])
            list(self.pool.map(update, jobs))

    @torch.no_grad()
    def update(self, parameters: list[Tensor], rate: float, weight_decay: float, momentum: float) -> None:
        directions = []
        for parameter in parameters:
            buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
            buffer.lerp_(parameter.grad, 1 - momentum)
            directions.append(parameter.grad.lerp(buffer, momentum))
        scale = 0.2 * max(parameters[0].shape) ** 0.5
        for parameter, direction in zip(parameters, orthogonalised(torch.stack(directions)), strict=True):
            parameter.mul_(1 - rate * weight_decay).add_(direction, alpha=-rate * scale)
