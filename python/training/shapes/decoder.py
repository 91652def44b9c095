"""The decoder's forward pass as training needs it: the residual stream after every layer, in few kernels.

HF's modules hold the weights; `train.py` checks on each save that HF's own forward pass gives the same logits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.llama import LlamaModel


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype) * weight.to(x.dtype)


def layer(
    x: Tensor, bias: Tensor, cos: Tensor, sin: Tensor, norm: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor,
    ffn_norm: Tensor, gate: Tensor, up: Tensor, down: Tensor, head_dim: int, epsilon: float,
) -> Tensor:  # fmt: skip
    """One LLaMA layer: x (rows, length, width), bias (rows, 1, 1, length, length) very negative where a token may not look."""
    rows, length, _ = x.shape
    normed = rms_norm(x, norm, epsilon)
    queries = rotate(functional.linear(normed, q * head_dim**-0.5).view(rows, length, -1, head_dim).transpose(1, 2), cos, sin)
    keys = rotate(functional.linear(normed, k).view(rows, length, -1, head_dim).transpose(1, 2), cos, sin)
    values = functional.linear(normed, v).view(rows, length, -1, head_dim).transpose(1, 2)
    group = queries.shape[1] // keys.shape[1]
    queries = queries.reshape(rows, keys.shape[1], group * length, head_dim)
    scores = (queries @ keys.transpose(2, 3)).view(rows, -1, group, length, length)
    # Autocast would widen the scores, the largest tensors here, for nothing: softmax adds in float32 anyway.
    with torch.autocast("cpu", enabled=False):
        weights = (scores + bias.to(scores.dtype)).softmax(-1)
    attended = weights.view(rows, -1, group * length, length) @ values
    attended = attended.reshape(rows, -1, length, head_dim).transpose(1, 2).reshape(rows, length, -1)
    x = x + functional.linear(attended, o)
    normed = rms_norm(x, ffn_norm, epsilon)
    return x + functional.linear(functional.silu(functional.linear(normed, gate)) * functional.linear(normed, up), down)


class Decoder:
    """Runs the layers of a LlamaModel."""

    def __init__(self, model: LlamaModel) -> None:
        self.model = model

    def states(self, x: Tensor, mask: Tensor, positions: Tensor) -> list[Tensor]:
        """The residual stream after each layer, before the final norm; x and the states are (rows, length, width).

        `mask` (rows, 1, length, length) is True where a token may look.
        """
        config = self.model.config
        cos, sin = (part[:, None] for part in self.model.rotary_emb(x, positions))
        bias = torch.zeros(mask.shape).masked_fill(~mask, -1e9)[:, :, None]
        states = []
        for block in self.model.layers:
            attention, ffn = block.self_attn, block.mlp
            weights = (
                block.input_layernorm.weight, attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight, attention.o_proj.weight,
                block.post_attention_layernorm.weight, ffn.gate_proj.weight, ffn.up_proj.weight, ffn.down_proj.weight,
            )  # fmt: skip
            x = layer(x, bias, cos, sin, *weights, config.head_dim, config.rms_norm_eps)
            states.append(x)
        return states

    def normed(self, state: Tensor) -> Tensor:
        return rms_norm(state, self.model.norm.weight, self.model.config.rms_norm_eps)
