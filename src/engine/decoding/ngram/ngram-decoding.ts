import type { DecodingStrategy, DecodingTask } from '../decoding-strategy.js';
import { draftAndVerify } from '../draft-and-verify.js';
import { NgramDrafter, type NgramLengths } from './ngram-drafter.js';

/** Guesses from what the prompt and the answer said before; needs no draft model. */
export class NgramDecoding implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];

  constructor(private readonly lengths: NgramLengths) {}

  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    return draftAndVerify(task, new NgramDrafter(task.prompt, this.lengths));
  }
}
