import { EdgeVlmError } from '../../../core/errors.js';
import { argmax } from '../../sampling/greedy-sampler.js';
import type { DecodingTask } from '../decoding-strategy.js';
import { NO_DRAFT, type Draft, type Drafter } from '../drafter.js';
import type { LayeredTarget } from '../layered-target.js';
import { draw } from '../rejection-sample.js';

/**
 * Guesses what the last norm and the head make of an early layer, and verifies by running the other layers over the states that are
 * there already: no layer sees a token twice, and no key or value is missing.
 */
export class EarlyLayersDrafter implements Drafter {
  /** States after the early layers: of the answer's last token and of all guesses but the last. */
  #states: Float32Array[] = [];

  constructor(
    private readonly task: Pick<DecodingTask, 'target' | 'rejection' | 'isEnd'>,
    private readonly model: LayeredTarget,
    private readonly early: number,
  ) {}

  async propose(answer: readonly number[], count: number): Promise<Draft> {
    const { target, rejection, isEnd } = this.task;
    const start = target.length();
    this.#states = [];
    const tokens: number[] = [];
    const probabilities: Float32Array[] = [];
    try {
      for (let last = answer.at(-1) ?? 0; tokens.length < count;) {
        const { hidden, logits } = await this.model.begin(Int32Array.of(last), this.early, { logits: true });
        this.#states.push(hidden);
        const drawnFrom = rejection?.drafts.probabilities(logits);
        last = drawnFrom === undefined || rejection === null ? argmax(logits) : draw(drawnFrom, rejection.random);
        if (isEnd(last)) break;
        if (drawnFrom !== undefined) probabilities.push(drawnFrom);
        tokens.push(last);
      }
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL')) throw thrown;
      tokens.length = 0;
    }
    if (tokens.length > 0) {
      // After a guess that would end the answer one state too many is there.
      target.truncate(start + tokens.length);
      return { tokens, probabilities: rejection === null ? null : probabilities };
    }
    target.truncate(start);
    return NO_DRAFT;
  }

  async verify(tokens: Int32Array): Promise<Float32Array> {
    const { early, model } = this;
    const newest = await model.begin(tokens.subarray(-1), early, {});
    const states = [...this.#states.slice(0, tokens.length - 1), newest.hidden];
    const hidden = new Float32Array(states.reduce((sum, state) => sum + state.length, 0));
    states.reduce((offset, state) => {
      hidden.set(state, offset);
      return offset + state.length;
    }, 0);
    const { logits } = await model.resume(hidden, { from: early, to: model.layers }, { logits: true });
    model.complete(tokens);
    return logits;
  }
}
