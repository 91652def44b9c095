/** A picture's place in a past. */
export interface PastImage {
  /** Index of its first token. */
  readonly at: number;
  /** Of its pixels. */
  readonly hash: string;
}

/** What a sequence holds, told so that it can be compared with a prompt. */
export interface Past {
  /** Token ids; any id where image tokens stand, as long as it is always the same. */
  readonly tokens: ArrayLike<number>;
  /** In order of `at`; all of the same model, so of the same length. */
  readonly images: readonly PastImage[];
}

/** How many tokens two pasts have in common from their start. */
export function commonPrefix(a: Past, b: Past): number {
  let length = Math.min(a.tokens.length, b.tokens.length);
  // Up to the first picture that is not in both, at the same place.
  for (let i = 0; i < Math.max(a.images.length, b.images.length); i++) {
    const [one, other] = [a.images[i], b.images[i]];
    if (one?.at === other?.at && one?.hash === other?.hash) continue;
    length = Math.min(length, one?.at ?? Infinity, other?.at ?? Infinity);
    break;
  }
  for (let i = 0; i < length; i++) if (a.tokens[i] !== b.tokens[i]) return i;
  return length;
}
