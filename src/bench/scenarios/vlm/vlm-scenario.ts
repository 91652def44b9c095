import { type Clock, systemClock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { ModelDescription } from '../../../core/generator.js';
import type { MemoryReading, ThermalReading } from '../../../core/probe.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { GeneratorAudit } from '../../../core/run-record.js';
import type { OpenRuntime } from '../../../core/runtime.js';
import { readTreeMemory, watchRun } from '../../load/watch-run.js';
import { DeviceMemoryProbe } from '../../probes/device-memory.js';
import type { SampledResources } from '../../probes/resources/resource-sampler.js';
import { ThermalProbe } from '../../probes/thermal.js';
import { inLanes } from '../in-lanes.js';
import { measurePicture, type FailedPicture, type MeasuredPicture, type VlmPicture } from './measure-picture.js';

export interface VlmScenarioOptions {
  /** Loads the model; its wall-clock time is the load time. */
  readonly open: () => Promise<OpenRuntime>;
  readonly pictures: readonly VlmPicture[];
  /** Answered before the first that counts. */
  readonly warmup: readonly VlmPicture[];
  readonly prompt: string;
  /** New tokens at most. */
  readonly maxTokens: number;
  /** How many pictures are being answered at any time. Default 1. */
  readonly batch?: number;
  /** Whether the memory of graphics cards is of interest. */
  readonly readsDevice: boolean;
  readonly onProgress?: Progress;
  /** Told of each picture that was not answered, as it happens. */
  readonly onFailure?: (failure: FailedPicture) => void;
  /** Ends the run early; pictures that are finished are kept. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** What was measured of one model in one setting. */
export interface VlmScenarioResult {
  /** Up to the first that was not finished: fewer than were given where the signal aborted. */
  readonly pictures: readonly (MeasuredPicture | FailedPicture)[];
  /** Latencies of the pictures before, those that failed left out. */
  readonly warmup_ms: readonly number[];
  /** From the call of `open` until the model was ready. */
  readonly load_ms: number;
  /** The same as the runtime counts it, without starting a process. */
  readonly modelLoad_ms: number;
  /** Of the load time, what went into loading the runtime's own code; null where it is not apart. */
  readonly import_ms: number | null;
  /** From the first picture's begin to the last one's end. */
  readonly wall_ms: number;
  readonly effectivePrecision: string;
  readonly description: ModelDescription;
  /** Of the graphics cards' memory, what the loaded model takes; null where there is none or it is not told. */
  readonly deviceMemory_bytes: number | null;
  readonly memory: { readonly loaded: MemoryReading; readonly after: MemoryReading };
  readonly thermal: { readonly before: ThermalReading; readonly after: ThermalReading };
  /** From the first measured picture to the last. */
  readonly resources: SampledResources;
  /** Over the same time, of this process. */
  readonly audit: GeneratorAudit;
}

/**
 * Loads a model, warms it up, and has it answer about each picture, one after the other or `batch` at a time.
 * @throws what `open` throws; CANCELLED when it was stopped before the first picture was finished
 */
export async function runVlmScenario(options: VlmScenarioOptions): Promise<VlmScenarioResult> {
  const { open, pictures, warmup, batch = 1, readsDevice, signal, clock = systemClock } = options;
  const { onProgress = NO_PROGRESS, onFailure = () => undefined } = options;
  const device = readsDevice ? await DeviceMemoryProbe.start() : undefined;
  const begin = clock.now_ms();
  const runtime = await open();
  try {
    const load_ms = clock.now_ms() - begin;
    const { generator } = runtime;
    const loaded = await readTreeMemory(() => runtime.pids());
    const deviceMemory_bytes = (await device?.read(runtime.pids())) ?? null;

    const warmed: number[] = [];
    for (const picture of warmup) {
      const outcome = await measurePicture(generator, picture, options);
      if (outcome.status === 'ok') warmed.push(outcome.latency_ms);
    }

    const thermal = new ThermalProbe();
    const before = await thermal.read();
    const task = new ProgressTask(onProgress, { label: 'bench vlm', unit: 'images', total: pictures.length });
    const ask = async (): Promise<{ finished: (MeasuredPicture | FailedPicture)[]; wall_ms: number }> => {
      const start = clock.now_ms();
      const finished = await inLanes(
        inTurn(pictures),
        async (picture, either) => {
          const outcome = await measurePicture(generator, picture, { ...options, signal: either });
          if (outcome.status !== 'ok') onFailure(outcome);
          task.advance();
          return outcome;
        },
        batch,
        signal,
      );
      return { finished, wall_ms: clock.now_ms() - start };
    };
    const { result, audit, after, resources } = await watchRun(() => runtime.pids(), ask).finally(() => {
      task.end();
    });
    const { finished, wall_ms } = result;
    if (finished.length === 0) throw new EdgeVlmError('CANCELLED', 'stopped before the first picture was finished');
    return {
      ...{
        pictures: finished,
        warmup_ms: warmed,
        load_ms,
        modelLoad_ms: runtime.load_ms,
        import_ms: runtime.import_ms ?? null,
        wall_ms,
        deviceMemory_bytes,
        resources,
        audit,
      },
      effectivePrecision: runtime.effectivePrecision,
      description: generator.description,
      memory: { loaded, after },
      thermal: { before, after: await thermal.read() },
    };
  } finally {
    await runtime.close();
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- lanes take from an async iterable
async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  yield* items;
}
