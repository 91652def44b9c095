/** Chooses the next token. One per generation; holds its random state and what penalties need. */
export interface Sampler extends Disposable {
  /** @param logits [vocabulary]; may be changed */
  sample(logits: Float32Array): number;
  /** Tells the sampler which token was really taken. */
  accept(token: number): void;
  /** What `sample` draws from, [vocabulary], summing to 1; absent where it is not known: under a constraint. @param logits as above */
  probabilities?(logits: Float32Array): Float32Array;
}
