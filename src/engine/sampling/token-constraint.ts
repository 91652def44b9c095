/** What an answer must obey, token by token. One per generation. */
export interface TokenConstraint {
  /** Whether the answer may go on, or end, with this token. */
  allows(token: number): boolean;
  /** Sets the logits of all other tokens to -∞. @param logits [vocabulary] @returns whether any token is left */
  mask(logits: Float32Array): boolean;
  /** Goes on with a token that is allowed. */
  accept(token: number): void;
}
