import { NO_DRAFT, type Draft, type Drafter } from '../drafter.js';

/** How long an end of the text must have come before, tokens. */
export interface NgramLengths {
  readonly min: number;
  readonly max: number;
}

/**
 * Guesses that the text goes on as it did after the newest earlier place that ended the same way, longest end first ("prompt lookup
 * decoding", Saxena 2023). A place near the end is copied over and over, as LZ77 does, so that a repetition is guessed at any length.
 */
export class NgramDrafter implements Drafter {
  /** Prompt and answer. */
  readonly #text: number[];

  /** @param prompt negative where image tokens stand; those are never found or guessed */
  constructor(
    private readonly prompt: Int32Array,
    private readonly lengths: NgramLengths,
  ) {
    this.#text = [...prompt];
  }

  propose(answer: readonly number[], count: number): Promise<Draft> {
    const text = this.#text;
    for (let said = text.length - this.prompt.length; said < answer.length; said++) text.push(answer[said] ?? -1);
    const from = findContinuation(text, this.lengths);
    if (from === undefined) return Promise.resolve(NO_DRAFT);
    const tokens: number[] = [];
    while (tokens.length < count) {
      // Beyond the end of the text its guesses go on.
      const at = from + tokens.length;
      const token = text[at] ?? tokens[at - text.length] ?? -1;
      if (token < 0) break;
      tokens.push(token);
    }
    return Promise.resolve({ tokens, probabilities: null });
  }
}

/** Where the text goes on after the newest earlier occurrence of its end. */
function findContinuation(text: readonly number[], { min, max }: NgramLengths): number | undefined {
  let best: number | undefined;
  let bestLength = min - 1;
  for (let end = text.length - 1; end > 0 && bestLength < max; end--) {
    let length = 0;
    while (length < Math.min(max, end) && matches(text, end - 1 - length, text.length - 1 - length)) length++;
    if (length > bestLength) [best, bestLength] = [end, length];
  }
  return best;
}

function matches(text: readonly number[], a: number, b: number): boolean {
  const token = text[a] ?? -1;
  return token >= 0 && token === text[b];
}
