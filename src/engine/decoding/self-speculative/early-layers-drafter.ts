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
  /** States after the early layers: of the answer's last token and the guesses; the last guess's only where the next was the end. */
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
      target.truncate(start);
      this.#states = [];
      return NO_DRAFT;
    }
    return { tokens, probabilities: rejection === null ? null : probabilities };
  }

  verify(tokens: Int32Array): Promise<Float32Array> | undefined {
    const states = this.#states;
    this.#states = [];
    return states.length === 0 ? undefined : this.#goOn(tokens, states);
  }

  /** Runs the other layers, also where the first guess was the end: what the early ones made of the token is there. */
  async #goOn(tokens: Int32Array, states: Float32Array[]): Promise<Float32Array> {
    const { early, model } = this;
    if (states.length < tokens.length) states.push((await model.begin(tokens.subarray(-1), early, {})).hidden);
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
