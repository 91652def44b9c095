import type { GgufValue } from '../../formats/gguf/gguf-value.js';

export interface SyntheticVocabulary {
  /** The first token that is a word of its own: neither special, nor a byte, nor a character. */
  readonly firstWord: number;
  readonly metadata: readonly [string, GgufValue][];
}

/** `enum llama_token_type` in llama.h. */
const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;
type Token = readonly [text: string, type: keyof typeof TOKEN_TYPES];

/** What SmolVLM's prompts need (`processing_idefics3.py`). */
const IMAGE_TOKENS = [
  '<image>',
  '<fake_token_around_image>',
  '<global-img>',
  '<end_of_utterance>',
  ...Array.from({ length: 36 }, (_, i) => `<row_${Math.floor(i / 6) + 1}_col_${(i % 6) + 1}>`),
];
const IMAGE_TEMPLATE =
  "{% for message in messages %}{{ message['role'] | capitalize }}: {% for line in message['content'] %}" +
  "{% if line['type'] == 'text' %}{{ line['text'] }}{% else %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}Assistant:";

/**
 * A valid vocabulary of so many tokens: SentencePiece's special tokens, its bytes, the characters of ASCII, and words that mean
 * nothing. A prompt has as many tokens as characters.
 */
export function syntheticVocabulary(size: number, { images }: { readonly images: boolean }): SyntheticVocabulary {
  const tokens: Token[] = [
    ['<unk>', 'unknown'],
    ['<s>', 'control'],
    ['</s>', 'control'],
    ...Array.from({ length: 256 }, (_, byte): Token => [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 'byte']),
    // SentencePiece writes a space as U+2581.
    ...Array.from({ length: 95 }, (_, i): Token => [i === 0 ? '\u2581' : String.fromCharCode(32 + i), 'normal']),
    // llama.cpp puts it before a picture as one token (`MTMD_SLICE_TMPL_IDEFICS3` in mtmd.cpp), and refuses pictures without it.
    ...(images ? [['\n\n', 'normal'] satisfies Token] : []),
    ...(images ? IMAGE_TOKENS : []).map((text): Token => [text, 'control']),
  ];
  const firstWord = tokens.length;
  for (let id = firstWord; id < size; id++) tokens.push([`\u2581w${id}`, 'normal']);
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  return {
    firstWord,
    metadata: [
      ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'default' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens.map(([text]) => text) }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'f32', value: Float32Array.from(tokens, (_, id) => -id) }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: Int32Array.from(tokens, ([, type]) => TOKEN_TYPES[type]) }],
      ['tokenizer.ggml.bos_token_id', u32(1)],
      ['tokenizer.ggml.eos_token_id', u32(2)],
      ['tokenizer.ggml.unknown_token_id', u32(0)],
      ...(images ? [['tokenizer.chat_template', { type: 'string', value: IMAGE_TEMPLATE }] satisfies [string, GgufValue]] : []),
    ],
  };
}
