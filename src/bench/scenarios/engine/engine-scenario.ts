import { setTimeout as sleep } from 'node:timers/promises';

import type { BatchForwardPass, DecodeSamples, ForwardPass, PictureEncoder } from '../../../core/forward-pass.js';
import type { MemoryReading, ThermalReading } from '../../../core/probe.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { Samples } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';
import { readTreeMemory, watchRun, type WatchedRun } from '../../load/watch-run.js';
import { measureReadBandwidth } from '../../probes/read-bandwidth.js';
import { logitParity, type LogitParity } from '../../quality/logit-parity.js';
import { ThermalProbe } from '../../probes/thermal.js';

/** Threads of the runtime that just ran go on spinning for some 130 ms (ggml's default poll); they must not steal from the next. */
const SETTLE_MS = 250;

/** A tiny model decodes a token in a tenth of a millisecond; a sample this long is worth more than the noise of one preemption. */
const MINIMUM_SAMPLE_MS = 100;

/** Tokens of the batches that are timed: what checking a draft of 0 to 7 tokens costs. */
export const BATCH_SIZES = [1, 2, 3, 4, 5, 6, 7, 8] as const;

export interface EngineScenarioOptions {
  readonly subject: () => Promise<BatchForwardPass & PictureEncoder>;
  /** They and the subject take turns, so that a slow minute hits all of them. */
  readonly peers: readonly (() => Promise<ForwardPass>)[];
  /** Whose encoding of a picture is compared; null where the model was opened without its vision half. */
  readonly encoderPeers: readonly PictureEncoder[] | null;
  readonly threads: number;
  /** Tokens of the timed prefill. */
  readonly prefill: number;
  /** Tokens already in the cache when decoding is timed. */
  readonly depths: readonly number[];
  /** Tokens decoded per repetition. */
  readonly decode: number;
  /** Tokens already in the cache when batches are timed. */
  readonly batchDepth: number;
  readonly repetitions: number;
  /** How often each runtime is loaded. */
  readonly loads: number;
  /** Tokens after which the logits are compared with those of peers that tell them. */
  readonly parityTokens: number;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
}

export interface EngineScenarioResult {
  readonly samples: readonly Samples[];
  /** By `<runtime>:<moment>`. */
  readonly memory: Readonly<Record<string, MemoryReading>>;
  readonly thermal: { readonly before: ThermalReading; readonly after: ThermalReading };
  /** Of all runtimes together, from the first timed step to the last. */
  readonly watched: WatchedRun;
  /** By peer, where it tells logits: how far the subject is from it. */
  readonly parity: Readonly<Record<string, LogitParity>>;
}

/** Sample names are `<runtime>/<what>`; pairs of runtimes have as many samples each, in the same order. */
export async function runEngineScenario(options: EngineScenarioOptions): Promise<EngineScenarioResult> {
  const { depths, repetitions, signal } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, {
    label: 'bench engine',
    unit: 'repetitions',
    total: repetitions * (2 + depths.length + (options.encoderPeers === null ? 0 : 1)),
  });
  const thermal = new ThermalProbe();
  const before = await thermal.read();
  const collected = new SampleList();
  const readBandwidth = async (): Promise<void> => {
    collected.add('machine/read_bandwidth', 'bytes/s', await measureReadBandwidth({ threads: options.threads }));
  };
  await readBandwidth();

  const passes: ForwardPass[] = [];
  const opened = async <P extends ForwardPass>(open: () => Promise<P>): Promise<P> => {
    signal?.throwIfAborted();
    const pass = await open();
    passes.push(pass);
    if (pass.load_ms !== null) collected.add(`${pass.label}/load`, 'ms', [pass.load_ms]);
    return pass;
  };
  /** Every repetition all of them once, each after the others have come to rest. */
  const takeTurns = async <P>(items: readonly P[], measure: (item: P) => Promise<void>): Promise<void> => {
    for (let i = 0; i < repetitions; i++) {
      for (const item of turn(items, i)) {
        await sleep(SETTLE_MS, undefined, { signal });
        await measure(item);
      }
      task.advance();
    }
  };
  try {
    for (let round = 1; round < options.loads; round++) {
      for (const open of [options.subject, ...options.peers]) {
        await opened(open);
        await closeAll(passes.splice(0));
      }
    }
    const subject = await opened(options.subject);
    for (const open of options.peers) await opened(open);
    const memory: Record<string, MemoryReading> = {};
    const readMemory = async (moment: string): Promise<void> => {
      for (const { label, pid } of passes) if (pid !== undefined) memory[`${label}:${moment}`] = await readTreeMemory(() => [pid]);
    };
    await readMemory('loaded');

    const measure = async (): Promise<void> => {
      const prefill = `prefill_${options.prefill}`;
      for (const pass of passes) collected.addWarmup(`${pass.label}/${prefill}`, 'ms', await pass.prefill(options.prefill));
      await takeTurns(passes, async (pass) => {
        collected.add(`${pass.label}/${prefill}`, 'ms', [await samplePrefill(pass, options.prefill)]);
      });
      for (const depth of depths) {
        for (const pass of passes) {
          await pass.fill(depth);
          collected.addWarmup(`${pass.label}/decode_at_${depth}`, 'ms/token', median((await pass.decode(options.decode)).step_ms));
        }
        await takeTurns(passes, async (pass) => {
          const { step_ms, host_ms } = await sampleDecode(pass, options.decode);
          // Tokens per second is what users see, so the mean over a stretch is the sample, not the single step.
          collected.add(`${pass.label}/decode_at_${depth}`, 'ms/token', [mean(step_ms)]);
          if (host_ms !== null) collected.add(`${pass.label}/host_at_${depth}`, 'ms/token', [mean(host_ms)]);
        });
      }
      await subject.fill(options.batchDepth);
      for (const tokens of BATCH_SIZES) collected.addWarmup(`${subject.label}/batch_of_${tokens}`, 'ms', await subject.batch(tokens));
      await takeTurns([subject], async (pass) => {
        for (const tokens of BATCH_SIZES) collected.add(`${pass.label}/batch_of_${tokens}`, 'ms', [await sampleBatch(pass, tokens)]);
      });
      if (options.encoderPeers !== null) {
        const encoders: PictureEncoder[] = [subject, ...options.encoderPeers];
        collected.addWarmup(`${subject.label}/encode`, 'ms', median(await subject.encode()));
        await takeTurns(encoders, async (encoder) => {
          collected.add(`${encoder.label}/encode`, 'ms', [median(await encoder.encode())]);
        });
      }
    };
    const watched = await watchRun(() => passes.flatMap(({ pid }) => pid ?? []), measure);
    await readMemory('after');
    const parity: Record<string, LogitParity> = {};
    for (const { label, logits } of passes.slice(1)) {
      if (logits === undefined || subject.logits === undefined) continue;
      parity[label] = logitParity(await logits(options.parityTokens), await subject.logits(options.parityTokens));
    }
    await closeAll(passes.splice(0));
    await readBandwidth();
    return { samples: collected.list(), memory, thermal: { before, after: await thermal.read() }, watched, parity };
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

/** Mean time of as many batches as make a sample. */
async function sampleBatch(pass: BatchForwardPass, tokens: number): Promise<number> {
  const times = [await pass.batch(tokens)];
  while (sum(times) < MINIMUM_SAMPLE_MS) times.push(await pass.batch(tokens));
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
