import type { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateRequest, Generator } from '../../../core/generator.js';
import { smallFastCounter } from '../../../core/small-fast-counter.js';
import type { GeneratorWatch } from '../../load/generator-watch.js';
import { startOnTime } from '../../load/start-on-time.js';
import { inLanes } from '../in-lanes.js';
import { measureAnswer, type MeasureAnswerOptions, type ServeAnswer } from './measure-answer.js';
import type { ServeLoad } from './serve-target.js';

export interface OfferLoadOptions extends MeasureAnswerOptions {
  readonly load: ServeLoad;
  /** Of the arrival times of an open loop. */
  readonly seed: number;
  readonly watch?: GeneratorWatch;
  readonly onAnswer?: () => void;
}

/** What a server did with some requests. */
export interface OfferedLoad {
  /** In the order of the requests. */
  readonly outcomes: readonly (ServeAnswer | EdgeVlmError)[];
  /** From the first start to the last end, milliseconds. */
  readonly duration_ms: number;
}

/** Before the first arrival of an open loop, so that its start is on time. */
const LEAD_MS = 20;

/**
 * Puts requests to a server under a load. A closed loop takes the next request when one is answered; an open loop starts each at its time of
 * a Poisson process and times it from there, so that a server that stalls is not asked less (Tene's coordinated omission).
 * @throws CANCELLED once the signal has aborted
 */
export async function offerLoad(
  generator: Generator,
  requests: readonly GenerateRequest[],
  options: OfferLoadOptions,
): Promise<OfferedLoad> {
  const { load, clock, signal, onAnswer } = options;
  const ask = async (request: GenerateRequest, scheduled_ms?: number): Promise<ServeAnswer | EdgeVlmError> => {
    const outcome = await measureAnswer(generator, request, { ...options, ...(scheduled_ms !== undefined && { scheduled_ms }) });
    onAnswer?.();
    return outcome;
  };
  if (load.kind === 'clients') {
    const begin = clock.now_ms();
    const outcomes = await inLanes(eachOf(requests), (request) => ask(request), load.clients);
    return { outcomes, duration_ms: clock.now_ms() - begin };
  }
  const begin = clock.now_ms() + LEAD_MS;
  const times_ms = poissonTimes(requests.length, load.rate, options.seed).map((time_ms) => begin + time_ms);
  const pending: Promise<ServeAnswer | EdgeVlmError>[] = [];
  try {
    for await (const index of startOnTime(times_ms, { clock, signal })) {
      const [request, scheduled_ms] = [requests[index], times_ms[index]];
      if (request === undefined || scheduled_ms === undefined) continue;
      options.watch?.started(scheduled_ms);
      const answer = ask(request, scheduled_ms);
      // It surfaces below, not as an unhandled rejection before.
      answer.catch(() => undefined);
      pending.push(answer);
    }
  } finally {
    await Promise.allSettled(pending);
  }
  const outcomes = await Promise.all(pending);
  return { outcomes, duration_ms: clock.now_ms() - begin };
}

/** Times of a Poisson process: independent, exponential pauses of mean 1 / rate; milliseconds, the first at 0. */
export function poissonTimes(count: number, rate: number, seed: number): number[] {
  const bits = smallFastCounter(seed);
  let time_ms = 0;
  return Array.from({ length: count }, () => {
    const at = time_ms;
    time_ms += (-Math.log(1 - bits() / 2 ** 32) * 1000) / rate;
    return at;
  });
}

// eslint-disable-next-line @typescript-eslint/require-await -- lanes take what comes asynchronously
async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  yield* items;
}
