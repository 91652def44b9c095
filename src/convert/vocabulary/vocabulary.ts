/** How libllama treats a token. Source: `enum llama_token_type` in llama.h. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A vocabulary as GGUF keeps it. `tokens`, `types` and `scores` are indexed by token id. */
export interface Vocabulary {
  /** `gpt2`: byte-level BPE. `llama`: SentencePiece BPE with byte fallback. */
  readonly model: 'gpt2' | 'llama';
  /** Name of the rule that cuts text into words before merging. */
  readonly pre: string;
  readonly tokens: readonly string[];
  readonly types: Int32Array;
  readonly scores?: Float32Array;
  /** "left right", best first. */
  readonly merges?: readonly string[];
}

/** Tokens that are control tokens although their files do not say so. Source: `does_token_look_special` in conversion/base.py. */
export function looksSpecial(token: string): boolean {
  return (
    ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(token) ||
    (token.startsWith('<|') && token.endsWith('|>')) ||
    (token.startsWith('<｜') && token.endsWith('｜>')) ||
    (token.startsWith('<unused') && token.endsWith('>'))
  );
}
