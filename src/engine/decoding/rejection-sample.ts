/** A guess, and what it was drawn from; undefined where it was not drawn but certain. */
export interface Guess {
  readonly token: number;
  readonly drawnFrom: Float32Array | undefined;
}

/**
 * Draws a token from `p` with the help of a guess from `q`: the guess with min(1, p/q), else a draw from max(0, p − q), which never is
 * the guess. Tokens are distributed as `p` whatever the guesses are (Leviathan et al. 2023, algorithm 1).
 * @param p [vocabulary], summing to 1 @param random draws from [0, 1)
 */
export function rejectionSample(p: Float32Array, guess: Guess | null, random: () => number): number {
  if (guess === null) return draw(p, random);
  const { token, drawnFrom } = guess;
  const accepted = random() * (drawnFrom?.[token] ?? 1) < (p[token] ?? 0);
  if (accepted) return token;
  const residual = p.map((probability, other) => {
    const guessed = drawnFrom === undefined ? Number(other === token) : (drawnFrom[other] ?? 0);
    return Math.max(0, probability - guessed);
  });
  // Of equal distributions nothing is left but rounding; then any draw from p is right.
  return residual.some((weight) => weight > 0) ? draw(residual, random) : draw(p, random);
}

/** Draws an index by weight; the weights need not sum to 1. */
export function draw(weights: Float32Array, random: () => number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = random() * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight <= 0) continue;
    last = i;
    left -= weight;
    if (left < 0) return i;
  }
  return last;
}
