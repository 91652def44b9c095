import type { Clock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateResult, Generator } from '../../../core/generator.js';

/** One answer, timed by this process. */
export interface TtftMeasurement {
  /** From the call to the first text that is not empty, milliseconds. */
  readonly ttft_ms: number;
  /** From the call to the end, milliseconds. */
  readonly total_ms: number;
  readonly text: string;
  /** How many pieces of text came; one for an answer that was not streamed. */
  readonly pieces: number;
  readonly promptTokens: number | null;
  readonly completionTokens: number;
  /** Tokens of the prompt that were not computed because an earlier one began alike; null where nobody tells. */
  readonly cachedTokens: number | null;
  /** What the server says the prompt and the new tokens took, milliseconds; null where it says nothing. */
  readonly serverPrompt_ms: number | null;
  readonly serverPredicted_ms: number | null;
  /** What was asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

export interface MeasureTtftOptions {
  readonly prompt: string;
  readonly maxTokens: number;
  /** Whether caches of earlier prompts may help. */
  readonly reuse: boolean;
  /** For the whole answer. */
  readonly timeout_ms: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Asks for a completion, greedily, and times its first text. The clock runs around `generate`, so that every runtime is timed
 * alike: the way to another process or machine is part of it.
 * @throws NO_TEXT when the model ended without any; ENGINE_TIMEOUT; CANCELLED; what the generator throws
 */
export async function measureTtft(generator: Generator, options: MeasureTtftOptions): Promise<TtftMeasurement> {
  const { prompt, maxTokens, reuse, timeout_ms, clock, signal } = options;
  signal.throwIfAborted();
  const timeout = AbortSignal.timeout(timeout_ms);
  const request = { input: { prompt }, maxTokens, sampling: { temperature: 0 }, reuse };
  const start = clock.now_ms();
  let first: number | undefined;
  let pieces = 0;
  let result: GenerateResult | undefined;
  try {
    for await (const event of generator.generate(request, AbortSignal.any([signal, timeout]))) {
      if (event.type === 'done') {
        result = event.result;
      } else if (event.text !== '') {
        first ??= clock.now_ms();
        pieces++;
      }
    }
  } catch (thrown) {
    throw interruption(options, timeout, thrown) ?? thrown;
  }
  const end = clock.now_ms();
  if (result === undefined || result.finishReason === 'cancelled') {
    throw interruption(options, timeout) ?? new EdgeVlmError('INTERNAL', 'the generator ended without a result');
  }
  if (first === undefined && result.text === '') {
    throw new EdgeVlmError('NO_TEXT', 'the model ended its answer before the first text, so there is nothing to time');
  }
  return {
    // What came only with the result came at the end.
    ttft_ms: (first ?? end) - start,
    total_ms: end - start,
    text: result.text,
    pieces: Math.max(pieces, 1),
    promptTokens: result.promptTokens,
    completionTokens: result.completionTokens,
    cachedTokens: result.cachedTokens ?? result.serverTimings?.['cache_n'] ?? null,
    serverPrompt_ms: result.serverTimings?.['prompt_ms'] ?? null,
    serverPredicted_ms: result.serverTimings?.['predicted_ms'] ?? null,
    warnings: result.warnings,
  };
}

function interruption({ signal, timeout_ms }: MeasureTtftOptions, timeout: AbortSignal, cause?: unknown): EdgeVlmError | undefined {
  if (signal.aborted) return new EdgeVlmError('CANCELLED', 'stopped while generating', { cause });
  if (!timeout.aborted) return undefined;
  return new EdgeVlmError('ENGINE_TIMEOUT', `the answer was not finished after ${timeout_ms / 1000} s`, {
    cause,
    hint: 'Allow more with --timeout, ask for fewer tokens, or look whether the server is busy.',
  });
}
