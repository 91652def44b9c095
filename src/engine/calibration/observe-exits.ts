import { EXIT_GATES, type ExitGate } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { DecodingStrategy, DecodingTask } from '../decoding/decoding-strategy.js';
import { exitConfidence } from '../decoding/early-exit/exit-confidence.js';
import { argmax } from '../sampling/greedy-sampler.js';

/** How sure each gate was of a token at an exit, and whether the exit would have said what the whole model says. */
export interface ExitObservation {
  readonly confidence: Readonly<Record<ExitGate, number>>;
  readonly agrees: boolean;
}

/**
 * Answers greedily as plain decoding does, layer by layer, and looks at every exit on the way without leaving: what thresholds are
 * chosen from.
 */
export class ObserveExits implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];
  readonly #tokens: ExitObservation[][] = [];

  /** @param exits layers after which a token could leave, rising, fewer than the model has */
  constructor(private readonly exits: readonly number[]) {}

  /** [tokens of all answers so far, exits] */
  get tokens(): readonly (readonly ExitObservation[])[] {
    return this.#tokens;
  }

  async *run({ promptLogits, sampler, maxTokens, isEnd, layers }: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    if (layers === null) throw new EdgeVlmError('INTERNAL', 'exits are observed layer by layer');
    let logits = promptLogits;
    for (let count = 0; ;) {
      const token = sampler.sample(logits);
      if (isEnd(token)) return 'stop';
      sampler.accept(token);
      yield token;
      if (++count >= maxTokens) return 'length';
      const states = [];
      let from = 0;
      let hidden: Float32Array | undefined;
      for (const to of this.exits) {
        const wants = { logits: true, before: true };
        const state: Awaited<ReturnType<typeof layers.begin>> =
          hidden === undefined ? await layers.begin(Int32Array.of(token), to, wants) : await layers.resume(hidden, { from, to }, wants);
        states.push(state);
        [from, hidden] = [to, state.hidden];
      }
      ({ logits } =
        hidden === undefined
          ? await layers.begin(Int32Array.of(token), layers.layers, { logits: true })
          : await layers.resume(hidden, { from, to: layers.layers }, { logits: true }));
      const said = argmax(logits);
      this.#tokens.push(
        states.map((state) => ({
          confidence: Object.fromEntries(EXIT_GATES.map((gate) => [gate, exitConfidence(gate, state)])) as Record<ExitGate, number>,
          agrees: argmax(state.logits) === said,
        })),
      );
    }
  }
}
