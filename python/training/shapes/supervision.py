"""What is minimised: the answers' cross-entropy at several depths, and direct supervision of the picture's path."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Idefics3ForConditionalGeneration, PreTrainedTokenizerFast

from albums import AlbumBatch
from dataset import LABELS, Batch
from decoder import Decoder
from model import IMAGE_TOKENS, image_embeddings

# Layers whose state must say the answer, and how much that counts; the last is the model's own.
EXITS = {2: 0.1, 4: 0.2, 6: 0.3, 8: 1.0}
# After this layer a phrase must have found what it means.
POINTER_LAYER = 2
POINTER_WIDTH = 64
POINTER_SHARE = 0.3
SUPERVISION_SHARE = 0.3
# After this layer a question about an earlier picture must have found the words that its caption had.
RECALL_LAYER = 4
RECALL_SHARE = 0.3


class Recall(nn.Module):
    """Whether questions about an album find the words of the caption that answer them, used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, POINTER_WIDTH, bias=False)
        self.key = nn.Linear(width, POINTER_WIDTH, bias=False)

    def forward(self, state: Tensor, batch: AlbumBatch) -> Tensor:
        """How far the pointing is from certain and right, in nats, 0 when perfect; `state` is (rows, length, width)."""
        rows, places = batch.recalls.T
        scores = torch.einsum("rw,rlw->rl", self.query(state[rows, places]), self.key(state)[rows]).float() * POINTER_WIDTH**-0.5
        later = torch.arange(state.shape[1]) >= places[:, None]
        scores = scores.masked_fill(later, -1e9)
        return functional.kl_div(functional.log_softmax(scores, -1), batch.recalled, reduction="batchmean")


class Supervision(nn.Module):
    """Direct supervision of the picture's path, used in training only.

    Patches are classified by linear heads. Image tokens are compared with the decoder's own embeddings of the words
    for what they show, so that the decoder finds words it knows in the picture and need only copy them. And where a question
    names objects, the decoder's early state at the phrase's last token must find their image tokens: without this, looking for
    what the question means is learnt suddenly and late.
    """

    def __init__(self, model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        width = model.config.vision_config.hidden_size
        self.heads = nn.ModuleList(nn.Linear(width, 1 + len(words)) for _, words in LABELS)
        self.scale = nn.Parameter(torch.tensor(1.0))
        width = model.config.text_config.hidden_size
        self.query = nn.Linear(width, POINTER_WIDTH, bias=False)
        self.key = nn.Linear(width, POINTER_WIDTH, bias=False)
        self.words: list[list[int]] = []
        for _, words in LABELS:
            # A digit's token is the digit without its space: the tokenizer keeps digits apart.
            ids = [tokenizer.encode(word if word.isdigit() else f" {word}", add_special_tokens=False) for word in words]
            if any(len(word) != 1 for word in ids):
                raise ValueError("each word of the vocabulary must be one token: raise VOCABULARY")
            self.words.append([word[0] for word in ids])

    def seen(self, patches: Tensor, tokens: Tensor, embeddings: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What covers the patches, and the image tokens."""
        patch_loss = torch.zeros(())
        token_loss = torch.zeros(())
        shown = self.scale * functional.rms_norm(tokens.float(), tokens.shape[-1:])
        for kind, (head, words) in enumerate(zip(self.heads, self.words, strict=True)):
            # Most patches are background: count them less, so that what is seen matters.
            weight = torch.ones(1 + len(words))
            weight[0] = 0.2
            patch_loss = patch_loss + functional.cross_entropy(
                head(patches).flatten(0, 1).float(), batch.patch_labels[..., kind].flatten(), weight, ignore_index=-1
            )
            covered = batch.token_labels[..., kind] > 0
            if covered.any():
                logits = shown[covered] @ embeddings[words].float().T
                token_loss = token_loss + functional.cross_entropy(logits, batch.token_labels[..., kind][covered] - 1)
        return patch_loss, token_loss

    def found(self, state: Tensor, batch: Batch, image_token: int) -> Tensor:
        """Whether the phrases of the questions find what they mean; `state` is the decoder's, (rows, length, width)."""
        if len(batch.phrase_ends) == 0:
            return torch.zeros(())
        rows, places = batch.phrase_ends.T
        # Where a picture is shown twice, the second time counts.
        keys = self.key(state[batch.ids == image_token]).view(len(state), -1, POINTER_WIDTH)[:, -IMAGE_TOKENS:]
        scores = (self.query(state[rows, places])[:, None] * keys[rows]).sum(-1).float() * POINTER_WIDTH**-0.5
        return functional.cross_entropy(scores, batch.meant)


def losses(
    model: Idefics3ForConditionalGeneration, decoder: Decoder, supervision: Supervision, batch: Batch, recall: Recall | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum to be minimised and its parts. One pass of the tower serves all of a picture's turns. With `recall`, questions
    about an album count by themselves: their answers are a few hundredths of an album's words."""
    patches, images = image_embeddings(model, batch.pixels)
    table = model.get_input_embeddings().weight
    image_token = model.config.image_token_id
    embeddings = functional.embedding(batch.ids, table)
    places = batch.ids == image_token
    shown = images.repeat_interleave(int(places.sum()) // images[..., 0].numel(), 0)
    embeddings = embeddings.masked_scatter(places[..., None], shown.to(embeddings.dtype))
    states = decoder.states(embeddings, batch.mask, batch.positions)
    wanted = batch.targets >= 0
    targets = batch.targets[wanted]
    # LayerSkip (Elhoushi et al. 2024): early layers, through the final norm and head, must already say the answer.
    exits = {depth: functional.cross_entropy(model.lm_head(decoder.normed(states[depth - 1][wanted])).float(), targets) for depth in EXITS}
    patch, token = supervision.seen(patches, images, table, batch)
    find = supervision.found(states[POINTER_LAYER - 1], batch, image_token)
    total = sum(weight * exits[depth] for depth, weight in EXITS.items()) + SUPERVISION_SHARE * (patch + token) + POINTER_SHARE * find
    parts = {**{f"exit_{depth}": loss for depth, loss in exits.items()}, "patch": patch, "token": token, "find": find}
    if recall is None or not isinstance(batch, AlbumBatch):
        return total, parts
    answers = {
        depth: functional.cross_entropy(
            model.lm_head(decoder.normed(states[depth - 1][batch.replied])).float(), batch.targets[batch.replied]
        )
        for depth in EXITS
        if depth > RECALL_LAYER
    }
    words = recall(states[RECALL_LAYER - 1], batch)
    total = total + sum(EXITS[depth] * loss for depth, loss in answers.items()) + RECALL_SHARE * words
    return total, {**parts, **{f"answer_{depth}": loss for depth, loss in answers.items()}, "recall": words}


def tower_losses(
    model: Idefics3ForConditionalGeneration, decoder: Decoder, supervision: Supervision, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Like `losses` without the decoder, for the first phase: pictures full of objects teach the tower far quicker."""
    patches, images = image_embeddings(model, batch.pixels)
    patch, token = supervision.seen(patches, images, model.get_input_embeddings().weight, batch)
    return patch + token, {"patch": patch, "token": token}
