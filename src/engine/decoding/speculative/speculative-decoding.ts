import type { DecodingStrategy, DecodingTask } from '../decoding-strategy.js';
import { draftAndVerify } from '../draft-and-verify.js';
import { ModelDrafter } from './model-drafter.js';

/** A smaller model guesses, the target verifies (Leviathan et al. 2023). */
export class SpeculativeDecoding implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];

  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    return draftAndVerify(task, new ModelDrafter(task));
  }
}
