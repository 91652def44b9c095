"""Asserts that the saved model is the trained one, for those who load it with HF Transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, Idefics3ForConditionalGeneration

from albums import Albums
from dataset import CAPTION_PROMPTS, Scenes
from decoder import Decoder
from model import image_embeddings, prompt_turn


def check_saved(model: Idefics3ForConditionalGeneration, scenes: Scenes, albums: Albums, folder: Path) -> None:
    """HF's own processor and forward pass, from the saved folder, must say what training computed, of a conversation too."""
    processor = AutoProcessor.from_pretrained(folder)
    saved = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    picture = {"type": "image"}
    turns = [("user", [picture, {"type": "text", "text": CAPTION_PROMPTS[0]}])]
    alone = scenes.prefix + scenes.texts.encode(prompt_turn(CAPTION_PROMPTS[0]))
    album = albums.truths[0]
    shown, asked = album["pictures"][:2], [q for q in album["questions"] if q["picture"] <= 2]
    talk = [turn for p in shown for turn in [("user", [picture, {"type": "text", "text": p["prompt"]}]), ("assistant", p["caption"])]]
    talk += [turn for q in asked for turn in [("user", q["question"]), ("assistant", q["answer"])]]
    talked = albums.conversation(0, 2).tokens
    for said, expected, source, generate in [(turns, alone, scenes, True), (talk, [*talked, *scenes.texts.encode("\n")], albums, False)]:
        messages = [{"role": r, "content": c if isinstance(c, list) else [{"type": "text", "text": c}]} for r, c in said]
        text = processor.apply_chat_template(messages, add_generation_prompt=generate)
        pictures = source.store.of(np.arange(text.count("<image>")))[0]
        inputs = processor(images=[[Image.fromarray(p.numpy()) for p in pictures]], text=[text], return_tensors="pt")
        if inputs["input_ids"][0].tolist() != expected:
            raise AssertionError("the processor's prompt is not the one trained on")
        with torch.inference_mode():
            reference = saved(**inputs).logits[0, -1]
            _, images = image_embeddings(model.eval(), pictures)
            ids = inputs["input_ids"]
            embeddings = model.get_input_embeddings()(ids)
            embeddings[ids == model.config.image_token_id] = images.flatten(0, 1)
            decoder = Decoder(model.model.text_model)
            length = ids.shape[1]
            state = decoder.states(embeddings, torch.ones(1, 1, length, length, dtype=torch.bool).tril(), torch.arange(length)[None])[-1]
            ours = model.lm_head(decoder.normed(state[0, -1]))
        error = float((ours - reference).norm() / reference.norm())
        if error > 1e-4:
            raise AssertionError(f"the saved model differs from the trained one by {error:.2e}")
