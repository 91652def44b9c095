/** Guessed tokens. */
export interface Draft {
  readonly tokens: readonly number[];
  /** What each was drawn from, [vocabulary]; null where it was not drawn. */
  readonly probabilities: readonly Float32Array[] | null;
  /** What had to be read first: the prompt, or what was said without guesses. How many tokens, and how long it took, the first guess included. */
  readonly read?: { readonly tokens: number; readonly ms: number };
}

/** Guesses what the target will say next. One per answer. */
export interface Drafter {
  /** How many tokens it would have to read before it can guess; none where it keeps no text of its own. */
  unread?(answer: readonly number[]): number;
  /**
   * Guesses at most `count` tokens, fewer where it has no more to say. Never fails for want of room.
   * @param answer the tokens that are certain; the target lacks the last one
   * @throws CANCELLED
   */
  propose(answer: readonly number[], count: number): Promise<Draft>;
  /**
   * Verifies what it has just proposed in its own way; undefined where appending to the target is it.
   * @param tokens the answer's last token and the draft
   * @returns [tokens · vocabulary]
   * @throws CONTEXT_FULL, CANCELLED
   */
  verify?(tokens: Int32Array): Promise<Float32Array> | undefined;
}

export const NO_DRAFT: Draft = { tokens: [], probabilities: null };
