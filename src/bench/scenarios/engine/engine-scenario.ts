import { setTimeout as sleep } from 'node:timers/promises';

import type { DecodeSamples, ForwardPass } from '../../../core/forward-pass.js';
import type { MemoryReading, ThermalReading } from '../../../core/probe.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { Samples } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';
import { MemoryProbe } from '../../probes/memory.js';
import { measureReadBandwidth } from '../../probes/read-bandwidth.js';
import { ThermalProbe } from '../../probes/thermal.js';

/** Threads of the runtime that just ran go on spinning for some 130 ms (ggml's default poll); they must not steal from the next. */
const SETTLE_MS = 250;

/** A tiny model decodes a token in a tenth of a millisecond; a sample this long is worth more than the noise of one preemption. */
const MINIMUM_SAMPLE_MS = 100;

export interface EngineScenarioOptions {
  /** The subject first, then the peers. They take turns, so that a slow minute hits all of them. */
  readonly start: readonly (() => Promise<ForwardPass>)[];
  readonly threads: number;
  /** Tokens of the timed prefill. */
  readonly prefill: number;
  /** Tokens already in the cache when decoding is timed. */
  readonly depths: readonly number[];
  /** Tokens decoded per repetition. */
  readonly decode: number;
  readonly repetitions: number;
  /** How often each runtime is loaded. */
  readonly loads: number;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
}

export interface EngineScenarioResult {
  readonly samples: readonly Samples[];
  /** By `<runtime>:<moment>`. */
  readonly memory: Readonly<Record<string, MemoryReading>>;
  readonly thermal: { readonly before: ThermalReading; readonly after: ThermalReading };
}

/** Sample names are `<runtime>/<what>`; pairs of runtimes have as many samples each, in the same order. */
export async function runEngineScenario(options: EngineScenarioOptions): Promise<EngineScenarioResult> {
  const { start, depths, repetitions, signal } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, {
    label: 'bench engine',
    unit: 'repetitions',
    total: repetitions * (1 + depths.length),
  });
  const thermal = new ThermalProbe();
  const before = await thermal.read();
  const collected = new SampleList();
  collected.add('machine/read_bandwidth', 'bytes/s', await measureReadBandwidth({ threads: options.threads }));

  const passes: ForwardPass[] = [];
  try {
    for (let round = 0; round < options.loads; round++) {
      for (const open of start) {
        signal?.throwIfAborted();
        const pass = await open();
        passes.push(pass);
        collected.add(`${pass.label}/load`, 'ms', [pass.load_ms]);
        if (round < options.loads - 1) await closeAll(passes.splice(0));
      }
    }
    const memory: Record<string, MemoryReading> = {};
    const readMemory = async (moment: string): Promise<void> => {
      for (const { label, pid } of passes) if (pid !== undefined) memory[`${label}:${moment}`] = await new MemoryProbe(pid).read();
    };
    await readMemory('loaded');

    for (const pass of passes) collected.addWarmup(`${pass.label}/prefill_${options.prefill}`, 'ms', await pass.prefill(options.prefill));
    for (let i = 0; i < repetitions; i++) {
      for (const pass of turn(passes, i)) {
        await sleep(SETTLE_MS, undefined, { signal });
        collected.add(`${pass.label}/prefill_${options.prefill}`, 'ms', [await samplePrefill(pass, options.prefill)]);
      }
      task.advance();
    }
    for (const depth of depths) {
      for (const pass of passes) {
        await pass.prefill(depth);
        collected.addWarmup(`${pass.label}/decode_at_${depth}`, 'ms/token', median((await pass.decode(options.decode)).step_ms));
      }
      for (let i = 0; i < repetitions; i++) {
        for (const pass of turn(passes, i)) {
          await sleep(SETTLE_MS, undefined, { signal });
          const { step_ms, host_ms } = await sampleDecode(pass, options.decode);
          // Tokens per second is what users see, so the mean over a stretch is the sample, not the single step.
          collected.add(`${pass.label}/decode_at_${depth}`, 'ms/token', [mean(step_ms)]);
          if (host_ms !== null) collected.add(`${pass.label}/host_at_${depth}`, 'ms/token', [mean(host_ms)]);
        }
        task.advance();
      }
    }
    await readMemory('after');
    return { samples: collected.list(), memory, thermal: { before, after: await thermal.read() } };
  } finally {
    await closeAll(passes);
    task.end();
  }
}

/** Mean time of as many prefills as make a sample. */
async function samplePrefill(pass: ForwardPass, tokens: number): Promise<number> {
  const times = [await pass.prefill(tokens)];
  while (sum(times) < MINIMUM_SAMPLE_MS) times.push(await pass.prefill(tokens));
  return mean(times);
}

/** Steps of as many stretches as make a sample. */
async function sampleDecode(pass: ForwardPass, tokens: number): Promise<DecodeSamples> {
  const { step_ms, host_ms } = await pass.decode(tokens);
  const steps = [...step_ms];
  const host = host_ms === null ? null : [...host_ms];
  while (sum(steps) < MINIMUM_SAMPLE_MS) {
    const more = await pass.decode(tokens);
    steps.push(...more.step_ms);
    host?.push(...(more.host_ms ?? []));
  }
  return { step_ms: steps, host_ms: host };
}

/** Forwards on even rounds, backwards on odd ones: nobody is always first. */
function turn<T>(items: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? items : items.toReversed();
}

async function closeAll(passes: readonly ForwardPass[]): Promise<void> {
  await Promise.all(passes.map((pass) => pass.close()));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

class SampleList {
  readonly #lists = new Map<string, { unit: string; values: number[]; warmup: number[] }>();

  add(name: string, unit: string, values: readonly number[]): void {
    this.#of(name, unit).values.push(...values);
  }

  addWarmup(name: string, unit: string, value: number): void {
    this.#of(name, unit).warmup.push(value);
  }

  list(): Samples[] {
    return [...this.#lists].map(([name, { unit, values, warmup }]) => ({ name, unit, values, ...(warmup.length > 0 && { warmup }) }));
  }

  #of(name: string, unit: string): { values: number[]; warmup: number[] } {
    const known = this.#lists.get(name) ?? { unit, values: [], warmup: [] };
    this.#lists.set(name, known);
    return known;
  }
}
