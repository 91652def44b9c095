import { EdgeVlmError } from '../../../core/errors.js';
import type { DecodingStrategy, DecodingTask } from '../decoding-strategy.js';
import { draftAndVerify } from '../draft-and-verify.js';
import { EarlyLayersDrafter } from './early-layers-drafter.js';

/** The model's own early layers guess, the others verify (Elhoushi et al. 2024, "LayerSkip"). */
export class SelfSpeculativeDecoding implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];

  /** @param early layers that guess, fewer than the model has */
  constructor(private readonly early: number) {}

  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    if (task.layers === null) throw new EdgeVlmError('INTERNAL', 'self-speculation needs the model layer by layer');
    return draftAndVerify(task, new EarlyLayersDrafter(task, task.layers, this.early));
  }
}
