import { EdgeVlmError } from '../../core/errors.js';

/**
 * Takes cells; what is only kept in case gives way to what is asked for.
 * @param reclaim frees cells that are only kept in case; false when there are none
 * @throws CONTEXT_FULL
 */
export function takeCells<T>(take: () => T, reclaim: () => boolean): T {
  for (;;) {
    try {
      return take();
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL' && reclaim())) throw thrown;
    }
  }
}
