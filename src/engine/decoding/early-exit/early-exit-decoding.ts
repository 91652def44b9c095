import type { ExitGate } from '../../../core/decoding.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { DecodingStrategy, DecodingTask } from '../decoding-strategy.js';
import type { LayeredTarget } from '../layered-target.js';
import { exitConfidence, GATE_WANTS } from './exit-confidence.js';

/** A place where tokens may leave. */
export interface Exit {
  /** Layers that a token has gone through there. */
  readonly layer: number;
  /** A token leaves when the gate is above this. */
  readonly threshold: number;
}

export interface EarlyExitOptions {
  /** Rising, below the number of layers. */
  readonly exits: readonly Exit[];
  readonly gate: ExitGate;
  /** As `DecodingOptions.exitDecay`. */
  readonly decay: number;
  /** Exits that were asked for beyond the last layer. */
  readonly ignored: readonly number[];
}

/**
 * A token that the model is sure of leaves early, and the state it left with stands for what the other layers would have made of it
 * (Schuster et al. 2022, "Confident Adaptive Language Modeling"). What is said may differ from plain decoding.
 */
export class EarlyExitDecoding implements DecodingStrategy {
  readonly lossy: string | null;
  readonly warnings: readonly string[];

  constructor(private readonly options: EarlyExitOptions) {
    const { exits, gate, ignored } = options;
    const places = exits.map(({ layer, threshold }) => `after ${layer} layers above ${threshold}`).join(', ');
    this.lossy = exits.length === 0 ? null : `early exit by ${gate}: ${places}`;
    this.warnings = ignored.length === 0 ? [] : [`the model has no layer to leave out after ${ignored.join(', ')}: no exit there`];
  }

  async *run({
    target,
    promptLogits,
    sampler,
    maxTokens,
    isEnd,
    layers,
    counters,
  }: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    if (layers === null) throw new EdgeVlmError('INTERNAL', 'early exit needs the model layer by layer');
    const { decay, exits } = this.options;
    let logits = promptLogits;
    for (let count = 0; ;) {
      const token = sampler.sample(logits);
      if (isEnd(token)) return 'stop';
      sampler.accept(token);
      yield token;
      if (++count >= maxTokens) return 'length';
      counters.passes++;
      counters.fullLayerEquivalents += layers.layers + layers.costs.head;
      if (exits.length > 0) {
        logits = await this.#step(layers, token, 0.9 + 0.1 * Math.exp((-decay * count) / maxTokens), counters);
      } else {
        logits = await target.decode(Int32Array.of(token), 'last');
        counters.countExit(layers.layers);
        counters.layerEquivalents += layers.layers + layers.costs.head;
      }
    }
  }

  /** Logits after a token. @param decayed what the thresholds are multiplied by */
  async #step(layers: LayeredTarget, token: number, decayed: number, counters: DecodingTask['counters']): Promise<Float32Array> {
    const { exits, gate } = this.options;
    const { head, keysAndValues } = layers.costs;
    const last = layers.layers;
    const wantsAt = (layer: number): (typeof GATE_WANTS)[ExitGate] => (layer === last ? { logits: true } : GATE_WANTS[gate]);
    const count = (computed: number, { logits }: { readonly logits?: boolean }): void => {
      counters.layerEquivalents += computed + (logits === true ? head : 0);
    };
    let at = exits[0]?.layer ?? last;
    let state = await layers.begin(Int32Array.of(token), at, wantsAt(at));
    count(at, wantsAt(at));
    for (const [i, { threshold }] of exits.entries()) {
      if (exitConfidence(gate, state) > threshold * decayed) {
        if (state.logits.length === 0) count(0, { logits: true });
        const { logits } = state.logits.length > 0 ? state : await layers.resume(state.hidden, { from: at, to: at }, { logits: true });
        await layers.leave(state.hidden, at);
        counters.layerEquivalents += (last - at) * keysAndValues;
        counters.countExit(at);
        return logits;
      }
      const next = exits[i + 1]?.layer ?? last;
      state = await layers.resume(state.hidden, { from: at, to: next }, wantsAt(next));
      count(next - at, wantsAt(next));
      at = next;
    }
    counters.countExit(last);
    return state.logits;
  }
}
