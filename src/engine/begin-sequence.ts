import type { Past } from './reuse/past.js';
import type { GenerationContext, SequenceModel } from './sequence-target.js';

/**
 * Begins a sequence with what earlier prompts left of its own: at once what lies in cells, between the batches of others what was evicted.
 * @returns tokens that it now has
 * @throws CANCELLED
 */
export async function beginSequence(
  { runner, prefixCache }: SequenceModel,
  sequence: number,
  prompt: Past & { readonly tokens: Int32Array },
  { scheduler, clock, signal }: GenerationContext,
): Promise<number> {
  prefixCache.begin(sequence, prompt);
  for (let got = 1; got > 0 && prefixCache.canRestore(sequence);) {
    const restore = (): Promise<number> => Promise.resolve(prefixCache.restore(sequence));
    got = await clock.measure('prefill', (turn) => scheduler.exclusive(restore, { turn, signal, sequence }));
  }
  return runner.cache.length(sequence);
}
