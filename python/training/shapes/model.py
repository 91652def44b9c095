"""The shapes model: an Idefics3 (the SmolVLM family) of a few million parameters, in HF's own classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tokenizer import CHAT_TEMPLATE, END_OF_UTTERANCE, FAKE_IMAGE, GLOBAL_IMAGE, IM_START, IMAGE, PARAGRAPH

IMAGE_SIDE = 128
PATCH_SIDE = 16
SCALE_FACTOR = 2
PATCHES_PER_SIDE = IMAGE_SIDE // PATCH_SIDE
TOKENS_PER_SIDE = PATCHES_PER_SIDE // SCALE_FACTOR
IMAGE_TOKENS = TOKENS_PER_SIDE**2

PICTURE = f"{FAKE_IMAGE}{GLOBAL_IMAGE}{IMAGE * IMAGE_TOKENS}{FAKE_IMAGE}"
PROMPT_PREFIX = f"{IM_START}User:{PICTURE}"
# What llama.cpp puts before a picture that fills one tile: a space, because its templates see text there, and a paragraph; in
# full also that one tile, which shows the same.
LLAMA_CPP_PREFIXES = {
    "paragraph": [f"{IM_START}User: {PARAGRAPH}{PICTURE}", f"{IM_START}User:{PARAGRAPH}{PICTURE}"],
    "tile": [f"{IM_START}User: {FAKE_IMAGE}<row_1_col_1>{IMAGE * IMAGE_TOKENS}{PARAGRAPH}{PICTURE}"],
}


def prompt_turn(question: str) -> str:
    """What follows PROMPT_PREFIX: together they are what HF's processor and chat template make of one picture and a question."""
    return f"{question}{END_OF_UTTERANCE}\nAssistant:"


def build_model(tokenizer: PreTrainedTokenizerFast) -> Idefics3ForConditionalGeneration:
    """A freshly initialised model. Every matrix row is a multiple of 64, so that any quantisation of ggml's fits."""
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = Idefics3Config(
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=SCALE_FACTOR,
        tie_word_embeddings=True,
        vision_config={
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIDE,
            "patch_size": PATCH_SIDE,
            "hidden_act": "gelu_pytorch_tanh",
        },
        text_config={
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],  # How llama.cpp's converter finds the text half.
            "vocab_size": len(tokenizer),
            "hidden_size": 256,
            "intermediate_size": 192,
            "num_hidden_layers": 8,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": True,
            **ids,
        },
        **ids,
    )
    model = Idefics3ForConditionalGeneration(config)
    initialise_tower(model)
    return model


def initialise_tower(model: Idefics3ForConditionalGeneration) -> None:
    """SigLIP's own initialisation (`SiglipPreTrainedModel._init_weights`): HF's Idefics3 draws all weights with a deviation
    of 0.02, as if it were always loaded, and at this width that is too small to learn from.
    """
    embeddings = model.model.vision_model.embeddings
    width = embeddings.embed_dim
    nn.init.normal_(embeddings.position_embedding.weight, std=width**-0.5)
    nn.init.normal_(embeddings.patch_embedding.weight, std=embeddings.patch_embedding.weight[0].numel() ** -0.5)
    for module in (*model.model.vision_model.encoder.modules(), *model.model.connector.modules()):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)


def build_processor(tokenizer: PreTrainedTokenizerFast) -> Idefics3Processor:
    """Any picture becomes exactly one square of IMAGE_SIDE pixels: no tiles."""
    image_processor = Idefics3ImageProcessor(size={"longest_edge": IMAGE_SIDE}, max_image_size={"longest_edge": IMAGE_SIDE})
    return Idefics3Processor(image_processor, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=CHAT_TEMPLATE)


def image_embeddings(model: Idefics3ForConditionalGeneration, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """From uint8 (pictures, side, side, 3): the tower's (pictures, patches, width) and the decoder's image tokens."""
    values = pixels.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1
    patches = model.model.vision_model(pixel_values=values).last_hidden_state
    return patches, model.model.connector(patches)


def build_draft(target: Idefics3ForConditionalGeneration, vision: bool) -> LlamaForCausalLM:
    """Two narrow layers that speak the target's tokens. One that reads the target's image tokens is as wide as they are, and
    starts from the target's word embeddings, among which those lie; one that reads text alone is half as wide."""
    text = target.config.text_config
    width = text.hidden_size if vision else text.hidden_size // 2
    config = LlamaConfig(
        vocab_size=text.vocab_size,
        hidden_size=width,
        intermediate_size=128 if vision else 256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=text.head_dim,
        max_position_embeddings=text.max_position_embeddings,
        rms_norm_eps=text.rms_norm_eps,
        tie_word_embeddings=True,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=text.pad_token_id,
    )
    draft = LlamaForCausalLM(config)
    if vision:
        draft.get_input_embeddings().weight.data.copy_(target.get_input_embeddings().weight.data)
    return draft


def save_model(model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the folder that `AutoModelForImageTextToText` and `AutoProcessor` load; it appears only when it is whole."""
    part = save_weights(model, tokenizer, folder)
    build_processor(tokenizer).save_pretrained(part)
    # transformers 5 keeps the picture settings inside processor_config.json alone; other tools read the older file.
    settings = json.loads((part / "processor_config.json").read_text())
    (part / "preprocessor_config.json").write_text(json.dumps(settings["image_processor"], indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def save_draft(draft: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the folder that `AutoModelForCausalLM` loads; it appears only when it is whole."""
    part = save_weights(draft, tokenizer, folder)
    tokenizer.save_pretrained(part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def save_weights(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    """Writes weights and settings beside `folder` and returns where."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=64,
    )
    model.save_pretrained(part)
    return part
