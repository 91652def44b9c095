import { ChainSampler } from './chain-sampler.js';
import { GreedySampler } from './greedy-sampler.js';
import type { ResolvedSampling } from './resolve-sampling.js';
import type { Sampler } from './sampler.js';

/** The cheapest sampler that does what is asked. */
export function createSampler(vocabulary: number, options: ResolvedSampling): Required<Sampler> {
  const penalises = options.repeatPenalty !== 1 || options.frequencyPenalty !== 0 || options.presencePenalty !== 0;
  return options.temperature === 0 && !penalises ? new GreedySampler() : new ChainSampler(vocabulary, options);
}
