import { EdgeVlmError } from '../../../core/errors.js';
import type { ThermalReading } from '../../../core/probe.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import { ThermalProbe } from '../../probes/thermal.js';
import { takePrecisionTurn, type MeasuredGenerator, type PrecisionTurn, type PrecisionTurnOptions } from './precision-turn.js';

/** One precision of the model. */
export interface PrecisionCandidate {
  readonly name: string;
  /** Loads it in a process of its own. */
  readonly start: () => Promise<MeasuredGenerator>;
}

export interface PrecisionsScenarioOptions extends Pick<PrecisionTurnOptions, 'picture' | 'prompt' | 'captionTokens' | 'answerTokens'> {
  /** The first is what the others are compared with. */
  readonly candidates: readonly PrecisionCandidate[];
  /** How many pictures; `picture` is also asked for the one after the last, to warm up. */
  readonly count: number;
  /** In how many rounds; every round loads each precision once and has a share of the pictures. At most `count`. */
  readonly repetitions: number;
  /** After this long no new round begins, but the first is always finished. Default: no limit. */
  readonly limit_ms?: number | undefined;
  readonly onProgress?: Progress;
  /** Ends the run early; what all precisions have finished is kept. */
  readonly signal: AbortSignal;
}

export interface PrecisionMeasurement {
  readonly name: string;
  /** One for each round, at least one. */
  readonly turns: readonly PrecisionTurn[];
}

export interface PrecisionFailure {
  readonly name: string;
  readonly status: 'load_error' | 'oom' | 'error';
  readonly error: EdgeVlmError;
}

export interface PrecisionsScenarioResult {
  /** In the order of the candidates; when the run was stopped all have the same rounds, or those that finished the first one. */
  readonly measurements: readonly PrecisionMeasurement[];
  /** Those that could not be run to the end; they do not end the others. */
  readonly failures: readonly PrecisionFailure[];
  readonly thermal: { readonly before: ThermalReading; readonly after: ThermalReading };
}

/**
 * Has every precision of a model caption and answer about the same pictures, in rounds that they take in turns, forwards and
 * backwards: only one is loaded at a time, and a slow minute does not hit one of them alone.
 */
export async function runPrecisionsScenario(options: PrecisionsScenarioOptions): Promise<PrecisionsScenarioResult> {
  const { candidates, count, signal, limit_ms = Infinity } = options;
  const rounds = Math.min(options.repetitions, count);
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, {
    label: 'bench precisions',
    unit: 'images',
    total: count * candidates.length,
  });
  // A function, because it changes while this waits.
  const stopped = (): boolean => signal.aborted;
  const thermal = new ThermalProbe();
  const before = await thermal.read();
  const begin = performance.now();
  const turns = new Map<string, PrecisionTurn[]>(candidates.map(({ name }) => [name, []]));
  const failures = new Map<string, PrecisionFailure>();
  try {
    for (const { round, candidate, isFirst } of schedule(candidates, rounds)) {
      const { name, start } = candidate;
      if (stopped() || (isFirst && round > 0 && performance.now() - begin >= limit_ms)) break;
      if (failures.has(name)) continue;
      const indices = shareOf(round, rounds, count);
      const phase = { loading: true };
      try {
        const tracked = async (): Promise<MeasuredGenerator> => {
          const generator = await start();
          phase.loading = false;
          return generator;
        };
        const onPicture = (): void => {
          task.advance();
        };
        turns.get(name)?.push(await takePrecisionTurn({ ...options, start: tracked, indices, warmupIndex: count, onPicture }));
      } catch (thrown) {
        if (stopped()) break;
        const error = EdgeVlmError.from(thrown);
        failures.set(name, { name, status: error.code === 'OUT_OF_MEMORY' ? 'oom' : phase.loading ? 'load_error' : 'error', error });
      }
    }
  } finally {
    task.end();
  }
  const alive = candidates.flatMap(({ name }) => (failures.has(name) ? [] : [{ name, turns: turns.get(name) ?? [] }]));
  return { measurements: comparable(alive), failures: [...failures.values()], thermal: { before, after: await thermal.read() } };
}

interface Turn {
  readonly round: number;
  readonly candidate: PrecisionCandidate;
  /** Whether a round begins with it. */
  readonly isFirst: boolean;
}

function* schedule(candidates: readonly PrecisionCandidate[], rounds: number): Generator<Turn> {
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? candidates : candidates.toReversed();
    for (const [at, candidate] of order.entries()) yield { round, candidate, isFirst: at === 0 };
  }
}

/** Neighbouring pictures; the shares differ by one at most. */
function shareOf(round: number, rounds: number, count: number): number[] {
  const first = Math.floor((round * count) / rounds);
  const end = Math.floor(((round + 1) * count) / rounds);
  return Array.from({ length: end - first }, (_, offset) => first + offset);
}

/** Leaves out what only some have finished: the rest of a stopped round or, in the first one, the precisions that were not reached. */
function comparable(measurements: readonly PrecisionMeasurement[]): PrecisionMeasurement[] {
  const rounds = Math.max(1, Math.min(...measurements.map(({ turns }) => turns.length)));
  return measurements.flatMap(({ name, turns }) => (turns.length < rounds ? [] : [{ name, turns: turns.slice(0, rounds) }]));
}
