import type { TtftSettings } from '../../bench/scenarios/ttft/ttft-settings.js';
import type { RunnerName, TtftEvent } from '../../bench/scenarios/ttft/ttft-scenario.js';
import { RUNNER_TITLES } from '../../bench/scenarios/ttft/ttft-table.js';
import { EdgeVlmError } from '../../core/errors.js';

/** Tells a comparison as it goes on. */
export class TtftLog {
  /** @param repetitions in all */
  constructor(
    private readonly settings: TtftSettings,
    private readonly repetitions: number,
  ) {}

  head(): string[] {
    const { baselineModel, apiBaseUrl, maxNewTokens } = this.settings;
    return [
      'Starting VLM Performance Benchmark...',
      `Baseline Model: ${baselineModel}`,
      `Llama.cpp API URL: ${apiBaseUrl}`,
      `Max new tokens for TTFT: ${maxNewTokens}`,
      '-'.repeat(30),
    ];
  }

  /** What an event has to tell; nothing for some. */
  lines(event: TtftEvent): string[] {
    switch (event.type) {
      case 'open':
      case 'unopened':
        return [];
      case 'opened': {
        const { effectivePrecision, load_ms } = event.runtime;
        // A server is there already.
        if (event.runner === 'llamacpp') return [];
        return [`${RUNNER_TITLES[event.runner]} loaded in ${(load_ms / 1000).toFixed(2)}s, precision ${effectivePrecision}`];
      }
      case 'prompts':
        return ['', `Loading ${event.set.type} prompts from: ${event.set.source}`];
      case 'prompt': {
        const { set, index, repetition } = event;
        const round = this.repetitions === 1 ? '' : `, repetition ${repetition + 1}/${this.repetitions}`;
        return ['', `--- Testing ${set.type} prompt ${index + 1}/${set.prompts.length}${round} ---`];
      }
      case 'attempt':
        return [`Running ${RUNNER_TITLES[event.runner]} (${this.#subject(event.runner)})...`];
      case 'attempted': {
        const { runner, outcome } = event.attempt;
        const title = RUNNER_TITLES[runner];
        if (outcome instanceof EdgeVlmError) return [`${title} failed: ${outcome.message}`];
        const cached = outcome.cachedTokens ?? 0;
        return [`${title} TTFT: ${(outcome.ttft_ms / 1000).toFixed(4)}s${cached > 0 ? ` (warm: ${cached} tokens cached)` : ''}`];
      }
    }
  }

  #subject(runner: RunnerName): string {
    return runner === 'baseline' ? this.settings.baselineModel : `API: ${this.settings.apiBaseUrl}`;
  }
}
