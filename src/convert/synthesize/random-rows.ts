/**
 * Fills rows with uniform numbers of mean 0. Every row has a stream of its own, so it is the same whichever rows are asked for
 * before it, and no two rows of a tensor are equal.
 */
export class RandomRows {
  readonly #base: number;

  constructor(seed: number, stream: string) {
    let base = mix(seed >>> 0);
    for (let i = 0; i < stream.length; i++) base = mix((base ^ stream.charCodeAt(i)) >>> 0);
    this.#base = base;
  }

  /** Row `index`, with this standard deviation. */
  fill(into: Float32Array, index: number, deviation: number): void {
    // Zero would stay zero for ever.
    let state = mix((this.#base + index) >>> 0) | 0 || 1;
    const scale = (deviation * Math.sqrt(3)) / 2 ** 31;
    for (let i = 0; i < into.length; i++) {
      // xorshift32 (Marsaglia, 2003): a thousand million numbers are wanted.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      into[i] = state * scale;
    }
  }
}

/** `lowbias32`, a bijection of 32-bit numbers. */
function mix(number: number): number {
  let x = number >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

/** Whole numbers below a bound, for shuffling. */
function* draws(seed: number): Generator<number, never, number> {
  let counter = mix(seed >>> 0);
  let bound = 1;
  for (;;) {
    counter = (counter + 0x9e3779b9) >>> 0;
    bound = yield Math.floor((mix(counter) / 2 ** 32) * bound);
  }
}

/** The numbers `from` to `to` − 1 in a random order (Fisher–Yates). */
export function shuffled(from: number, to: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: to - from }, (_, i) => from + i);
  const random = draws(seed);
  random.next();
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.next(i + 1).value;
    const [a = 0, b = 0] = [order[i], order[j]];
    order[i] = b;
    order[j] = a;
  }
  return order;
}
