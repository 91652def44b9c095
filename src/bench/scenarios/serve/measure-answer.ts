import type { Clock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateRequest, GenerateResult, Generator } from '../../../core/generator.js';

/** One answer, timed by this process from when it was to be asked for. */
export interface ServeAnswer {
  /** To the first text that is not empty, milliseconds; to the end for an answer without any. */
  readonly ttft_ms: number;
  /** To the end of the stream, milliseconds. */
  readonly latency_ms: number;
  /** From the first to the last text / tokens after the first; null for an answer of one token. */
  readonly tpot_ms: number | null;
  readonly completionTokens: number;
  /** null where the server does not tell; so are the next two. */
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  /** What the server says the request took inside: `timings.total_ms`. */
  readonly server_ms: number | null;
  /** When each text that is not empty came, by the clock. */
  readonly arrivals_ms: readonly number[];
}

export interface MeasureAnswerOptions {
  /** For the whole answer, milliseconds. */
  readonly timeout_ms: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** When it was to be asked for, by the clock; default: now. A late start then counts as waiting, not as nothing. */
  readonly scheduled_ms?: number;
  readonly onText?: () => void;
}

/**
 * Asks once and times the answer around `generate`. What fails is returned: under load that is a result, too.
 * @throws only once the signal has aborted: CANCELLED
 */
export async function measureAnswer(
  generator: Generator,
  request: GenerateRequest,
  { timeout_ms, clock, signal, scheduled_ms, onText }: MeasureAnswerOptions,
): Promise<ServeAnswer | EdgeVlmError> {
  throwIfAborted(signal);
  const timeout = AbortSignal.timeout(timeout_ms);
  const begin = scheduled_ms ?? clock.now_ms();
  const arrivals_ms: number[] = [];
  let result: GenerateResult | undefined;
  try {
    for await (const event of generator.generate(request, AbortSignal.any([signal, timeout]))) {
      if (event.type === 'done') result = event.result;
      else if (event.text !== '') {
        arrivals_ms.push(clock.now_ms());
        onText?.();
      }
    }
  } catch (thrown) {
    throwIfAborted(signal);
    if (!timeout.aborted) return EdgeVlmError.from(thrown);
  }
  throwIfAborted(signal);
  const end = clock.now_ms();
  if (timeout.aborted || result === undefined || result.finishReason === 'cancelled') {
    return new EdgeVlmError('ENGINE_TIMEOUT', `an answer was not finished after ${timeout_ms / 1000} s`);
  }
  const { completionTokens, promptTokens, cachedTokens, serverTimings } = result;
  const first = arrivals_ms[0] ?? end;
  return {
    ttft_ms: first - begin,
    latency_ms: end - begin,
    tpot_ms: completionTokens > 1 && arrivals_ms.length > 1 ? ((arrivals_ms.at(-1) ?? end) - first) / (completionTokens - 1) : null,
    completionTokens,
    promptTokens,
    cachedTokens,
    server_ms: serverTimings?.['total_ms'] ?? null,
    arrivals_ms,
  };
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped while measuring');
}
