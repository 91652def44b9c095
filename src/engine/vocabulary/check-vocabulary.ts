import { EdgeVlmError } from '../../core/errors.js';
import type { GgufMetadata } from '../../formats/gguf/gguf-metadata.js';

/** The vocabularies that LLaMA's line has: SentencePiece and byte-level BPE. */
const MODELS = ['llama', 'gpt2'];
/** Pre-tokenisers that may leave spaces or line breaks in words; libllama ends the process when it then looks for merges. */
const RAW_PRE_TOKENISERS = ['gemma4', 'granite-embed-multi-311m', 'sarvam-moe', 'whitespace'];
/** Runs of spaces and lines of dashes are the longest real tokens. */
export const MAX_TOKEN_BYTES = 1024;
/** What is not of the 256 characters that byte-level BPE writes bytes as (GPT-2's `bytes_to_unicode`). */
const FOREIGN = /[^!-~¡-¬®-ÿĀ-Ń]/gu;
/** libllama spells out each such character with the whole token beside it. Real vocabularies stay below a megabyte. */
const MAX_FOREIGN_BYTES = 64 * 2 ** 20;

/**
 * Refuses vocabularies on which libllama ends the process, hangs, or opens files of its own accord, before it sees them.
 * What it refuses by itself is left to it. Source: `llama_vocab::impl::load` and `tokenize` in llama-vocab.cpp.
 * @throws TOKENIZER_FAILED, MODEL_UNSUPPORTED, MODEL_INCOMPLETE, GGUF_INVALID
 */
export function checkVocabulary(path: string, metadata: GgufMetadata): void {
  const refuse = (what: string): never => {
    throw new EdgeVlmError('TOKENIZER_FAILED', `${path}: ${what}`);
  };
  if (metadata.count('split.count', 0) > 1) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${path} is one part of several: merge them with llama-gguf-split --merge`);
  }
  const model = metadata.string('tokenizer.ggml.model');
  if (!MODELS.includes(model)) refuse(`the tokeniser "${model}" is unknown; the engine knows ${MODELS.join(' and ')}`);
  const pre = metadata.string('tokenizer.ggml.pre', '');
  if (RAW_PRE_TOKENISERS.includes(pre)) refuse(`the pre-tokeniser "${pre}" is not supported`);

  const tokens = new Set<string>();
  let foreignBytes = 0;
  metadata.strings('tokenizer.ggml.tokens').forEach((text, id) => {
    // As libllama calls the nameless.
    const token = text === '' ? `[EMPTY_${id}]` : text;
    const bytes = Buffer.byteLength(token);
    if (bytes > MAX_TOKEN_BYTES) refuse(`the token ${id} has ${bytes} bytes, at most ${MAX_TOKEN_BYTES} are read`);
    if (tokens.has(token)) refuse(`the token ${id} (${JSON.stringify(token)}) is there twice`);
    tokens.add(token);
    if (model === 'gpt2') foreignBytes += (token.match(FOREIGN)?.length ?? 0) * bytes;
  });
  if (foreignBytes > MAX_FOREIGN_BYTES) refuse('its tokens are not spelt in the characters of byte-level BPE');
  if (model === 'llama') checkBytes(tokens, refuse);
}

/** SentencePiece falls back to bytes for characters it does not know, and libllama ends the process where it cannot. */
function checkBytes(tokens: ReadonlySet<string>, refuse: (what: string) => never): void {
  for (let byte = 0; byte < 256; byte++) {
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    const asCharacter = byte > 0 && byte < 128 && tokens.has(String.fromCharCode(byte));
    if (!tokens.has(`<0x${hex}>`) && !asCharacter) refuse(`it lacks the byte token <0x${hex}>`);
  }
}
