import type { LayeredTarget } from './decoding/layered-target.js';
import type { LayerRange } from './decoders/decoder.js';
import type { LayerCosts } from './layer-costs.js';
import type { LayerOutput, LayerRunner, LayerWants } from './layer-runner.js';
import type { PrefixCache } from './reuse/prefix-cache.js';
import type { GenerationContext } from './sequence-target.js';

/** A model that runs layer by layer. */
export interface LayeredModel {
  readonly layerRunner: LayerRunner;
  readonly prefixCache: PrefixCache;
  readonly costs: LayerCosts;
}

/** One sequence of the target, layer by layer. Stretches of layers run alone: they are not batched with other generations. */
export class LayeredSequence implements LayeredTarget {
  readonly layers: number;
  readonly costs: LayerCosts;

  constructor(
    private readonly model: LayeredModel,
    private readonly sequence: number,
    private readonly context: GenerationContext,
  ) {
    this.layers = model.layerRunner.shape.layers;
    this.costs = model.costs;
  }

  begin(tokens: Int32Array, to: number, wants: LayerWants): Promise<LayerOutput> {
    return this.#exclusive((runner, signal) => runner.begin(this.sequence, tokens, to, wants, signal));
  }

  resume(hidden: Float32Array, range: LayerRange, wants: LayerWants): Promise<LayerOutput> {
    return this.#exclusive((runner, signal) => runner.resume(this.sequence, hidden, range, wants, signal));
  }

  leave(hidden: Float32Array, from: number): Promise<void> {
    return this.#exclusive((runner, signal) => runner.leave(this.sequence, hidden, from, signal));
  }

  complete(tokens: Int32Array): void {
    this.model.prefixCache.append(this.sequence, tokens);
  }

  #exclusive<T>(work: (runner: LayerRunner, signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const { scheduler, clock, signal } = this.context;
    const { layerRunner } = this.model;
    return clock.measure('decode', (turn) => scheduler.exclusive(() => work(layerRunner, signal), { turn, signal, partial: true }));
  }
}
