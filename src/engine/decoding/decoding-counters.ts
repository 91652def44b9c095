import type { DecodingStatistics, DecodingStrategyName, SpeculationCosts } from '../../core/decoding.js';

/** Counts what a strategy does during one answer. */
export class DecodingCounters {
  passes = 0;
  drafted = 0;
  judged = 0;
  accepted = 0;
  layerEquivalents = 0;
  fullLayerEquivalents = 0;
  readonly #exits = new Map<number, number>();

  /** A token that went through so many layers. */
  countExit(layers: number): void {
    this.#exits.set(layers, (this.#exits.get(layers) ?? 0) + 1);
  }

  statistics(strategy: DecodingStrategyName, costs: SpeculationCosts | null = null): DecodingStatistics {
    const { passes, drafted, judged, accepted, layerEquivalents, fullLayerEquivalents } = this;
    return {
      strategy,
      passes,
      drafted,
      judged,
      accepted,
      exits: Object.fromEntries(this.#exits),
      layerEquivalents,
      fullLayerEquivalents,
      costs,
    };
  }
}
