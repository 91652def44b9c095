import { EdgeVlmError } from '../../../core/errors.js';
import { median } from '../../../core/sample-summary.js';
import type { TtftAttempt } from './ttft-scenario.js';

/** TTFT of each answer in times of the median of its prompt, where prompts were repeated: what scatters here is noise. */
export function relativeTimes(attempts: readonly TtftAttempt[]): number[] {
  const good = attempts.flatMap(({ promptIndex, outcome }) =>
    outcome instanceof EdgeVlmError ? [] : [{ promptIndex, ttft_ms: outcome.ttft_ms }],
  );
  return good.flatMap(({ promptIndex, ttft_ms }) => {
    const same = good.filter((other) => other.promptIndex === promptIndex).map((other) => other.ttft_ms);
    return same.length < 2 ? [] : [ttft_ms / median(same)];
  });
}
