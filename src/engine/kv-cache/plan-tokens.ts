import { EdgeVlmError } from '../../core/errors.js';
import type { KvCache, KvPlan, SequenceTokens } from './kv-cache.js';

/**
 * Plans a batch; what is only kept in case gives way to what is asked for.
 * @param reclaim frees cells that are only kept in case; false when there are none
 * @throws CONTEXT_FULL
 */
export function planTokens(cache: KvCache, tokens: readonly SequenceTokens[], reclaim: () => boolean): KvPlan {
  for (;;) {
    try {
      return cache.plan(tokens);
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL' && reclaim())) throw thrown;
    }
  }
}
