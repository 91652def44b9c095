"""The tokenizer of the shapes model: byte-level BPE laid out like SmolVLM's, trained on the captions and questions."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

IM_START = "<|im_start|>"
END_OF_UTTERANCE = "<end_of_utterance>"
IMAGE = "<image>"
FAKE_IMAGE = "<fake_token_around_image>"
GLOBAL_IMAGE = "<global-img>"
UNKNOWN = "<|endoftext|>"
PAD = "<|im_end|>"
# llama.cpp puts this one token before each picture of this family, and refuses a vocabulary without it.
PARAGRAPH = "\n\n"
TILES_PER_SIDE = 6  # What HF's Idefics3Processor looks up, however few tiles a picture has.

SPECIAL_TOKENS = [
    UNKNOWN,
    IM_START,
    PAD,
    FAKE_IMAGE,
    IMAGE,
    END_OF_UTTERANCE,
    GLOBAL_IMAGE,
    *(f"<row_{row}_col_{col}>" for row in range(1, TILES_PER_SIDE + 1) for col in range(1, TILES_PER_SIDE + 1)),
]

# SmolVLM's template, word for word.
CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Trains on `texts`; the vocabulary has exactly `vocab_size` entries, the unused ones being named placeholders.

    The pre-tokenizer is SmolLM2's (digits apart, then GPT-2's byte-level words), which llama.cpp calls "smollm".
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    unused = vocab_size - tokenizer.get_vocab_size()
    tokenizer.add_special_tokens([f"<unused_{index}>" for index in range(unused)])
    if tokenizer.get_vocab_size() != vocab_size:
        raise ValueError(f"the vocabulary has {tokenizer.get_vocab_size()} entries, not {vocab_size}")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=IM_START,
        eos_token=END_OF_UTTERANCE,
        unk_token=UNKNOWN,
        pad_token=PAD,
        additional_special_tokens=[FAKE_IMAGE, IMAGE, END_OF_UTTERANCE],
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        chat_template=CHAT_TEMPLATE,
    )
