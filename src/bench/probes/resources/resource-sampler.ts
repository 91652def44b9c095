import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeVlmError } from '../../../core/errors.js';
import type { MemoryReading, Probe, ResourceUse, ThermalReading, TimedThermalReading } from '../../../core/probe.js';
import { NvidiaSmiProbe } from '../nvidia-smi.js';
import { openProcessTree } from '../open-process-tree.js';
import type { ProcessTree } from '../process-tree.js';
import { RaplProbe } from '../rapl.js';
import { readSystemFile } from '../system-file.js';
import { ThermalProbe } from '../thermal.js';
import { GpuMeter } from './gpu-meter.js';
import { MachineMeter } from './machine-meter.js';
import { TreeMeter } from './tree-meter.js';

export interface ResourceSamplerOptions {
  /** The processes to follow with all that they start; asked again and again, because a process may come later or be replaced. */
  readonly pids: () => readonly number[];
  /** From one reading of the processes to the next, milliseconds, at least 100. Default 250. */
  readonly interval_ms?: number;
  /** What is read; default: this machine. */
  readonly probes?: Partial<SampledProbes>;
}

interface SampledProbes {
  readonly tree: ProcessTree;
  readonly thermal: Probe<ThermalReading>;
  readonly governor: () => Promise<string | null>;
  readonly rapl: RaplProbe;
  readonly gpu: NvidiaSmiProbe;
}

/** What a sampler saw. */
export interface SampledResources {
  readonly use: ResourceUse;
  /** The ledger of heat, clock and governor: `thermal.during` of a run record. */
  readonly thermal: readonly TimedThermalReading[];
}

const LEAST_INTERVAL_MS = 100;
/** Heat, clock, energy and cards change slowly. */
const SLOW_INTERVAL_MS = 1000;
/**
 * A kind of reading takes no more than this share of the time: on a machine where it is slow, it is done less often. Judged by the quickest
 * one, because others may have waited for a processor that was busy with what is measured.
 */
const MAX_SHARE = 0.01;
/** … but it is done, after as many intervals at the latest. */
const LONGEST_REST = 10;

/**
 * Reads what some processes and the machine use, at intervals, from this process and beside its work: all waiting is asynchronous, a
 * reading begins after the one before has ended, and each process's files are read by one reader. What it costs is in the result.
 */
export class ResourceSampler {
  readonly #begin = performance.now();
  readonly #abort = new AbortController();
  readonly #interval_ms: number;
  readonly #tree: ProcessTree;
  readonly #meters: { readonly tree: TreeMeter; readonly machine: MachineMeter; readonly gpu: GpuMeter };
  readonly #loops: Promise<unknown>;
  readonly #cost = { readings: 0, tree_ms: 0, max_ms: 0, all_ms: 0 };

  private constructor({ pids, interval_ms = 250, probes = {} }: ResourceSamplerOptions) {
    const now_ms = (): number => performance.now() - this.#begin;
    const { tree = openProcessTree(pids), thermal = new ThermalProbe(), governor = readGovernor } = probes;
    const { rapl = new RaplProbe(), gpu = new NvidiaSmiProbe() } = probes;
    this.#tree = tree;
    this.#interval_ms = Math.max(interval_ms, tree.leastInterval_ms);
    const treeMeter = new TreeMeter(tree, now_ms);
    this.#meters = {
      tree: treeMeter,
      machine: new MachineMeter({ thermal, governor, rapl }, now_ms),
      gpu: new GpuMeter(gpu, () => treeMeter.pids, now_ms),
    };
    this.#loops = Promise.all([
      this.#repeat(this.#interval_ms, () => this.#readTree()),
      this.#repeat(SLOW_INTERVAL_MS, () => this.#readMachine()),
      this.#followGpus(),
    ]);
  }

  /** Begins at once. Throws USAGE for an interval below 100 ms. */
  static start(options: ResourceSamplerOptions): ResourceSampler {
    const { interval_ms = LEAST_INTERVAL_MS } = options;
    if (!(interval_ms >= LEAST_INTERVAL_MS))
      throw new EdgeVlmError('USAGE', `a sampling interval of ${interval_ms} ms is below ${LEAST_INTERVAL_MS} ms`);
    return new ResourceSampler(options);
  }

  /** Memory of the processes right now, PSS included, for the moments of a run record; it counts for the peaks, too. */
  memory(): Promise<MemoryReading> {
    return this.#meters.tree.read(true);
  }

  /** Ends the sampling with a last reading. Call it once, before the processes are closed. Never throws. */
  async stop(): Promise<SampledResources> {
    const duration_ms = performance.now() - this.#begin;
    this.#abort.abort();
    await this.#loops;
    await Promise.all([this.#readTree(), this.#readMachine(), this.#meters.gpu.isPresent ? this.#meters.gpu.read() : undefined]);
    await this.#tree.close();
    const { tree, machine, gpu } = this.#meters;
    const { readings, tree_ms, max_ms, all_ms } = this.#cost;
    return {
      use: {
        duration_ms,
        sampling: {
          interval_ms: this.#interval_ms,
          readings,
          cost_ms: tree_ms / readings,
          maxCost_ms: max_ms,
          share: all_ms / duration_ms,
        },
        memory: tree.memory,
        cpu: tree.cpu(duration_ms, Math.max(1, cpus().length)),
        power: { ...machine.power, ...gpu.power },
        vram: gpu.vram,
        gpus: gpu.gpus,
        series: [...tree.series, ...machine.series, ...gpu.series],
        absent: { ...this.#tree.absent, ...machine.absent, ...gpu.absent },
      },
      thermal: machine.ledger,
    };
  }

  async #readTree(): Promise<void> {
    const begin = performance.now();
    await this.#meters.tree.read();
    const cost_ms = performance.now() - begin;
    this.#cost.readings++;
    this.#cost.tree_ms += cost_ms;
    this.#cost.all_ms += cost_ms;
    this.#cost.max_ms = Math.max(this.#cost.max_ms, cost_ms);
  }

  async #readMachine(): Promise<void> {
    const begin = performance.now();
    await this.#meters.machine.read();
    this.#cost.all_ms += performance.now() - begin;
  }

  /** nvidia-smi works in a process of its own, so its time is none of this process's. */
  async #followGpus(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && this.#meters.gpu.isPresent) {
      await this.#meters.gpu.read(signal);
      await pause(SLOW_INTERVAL_MS, signal);
    }
  }

  async #repeat(interval_ms: number, read: () => Promise<void>): Promise<void> {
    const { signal } = this.#abort;
    let quickest_ms = Infinity;
    for (let round = 0; !signal.aborted; round++) {
      const begin = performance.now();
      await read();
      const cost_ms = performance.now() - begin;
      // The first one opens files and looks for processes, which says nothing of the next.
      if (round > 0) quickest_ms = Math.min(quickest_ms, cost_ms);
      const rest_ms = round === 0 ? 0 : Math.min(quickest_ms / MAX_SHARE, LONGEST_REST * interval_ms);
      await pause(Math.max(interval_ms - cost_ms, rest_ms), signal);
    }
  }
}

/** Ends early on a signal, and keeps no program alive. */
async function pause(duration_ms: number, signal: AbortSignal): Promise<void> {
  await sleep(duration_ms, undefined, { signal, ref: false }).catch(() => undefined);
}

function readGovernor(): Promise<string | null> {
  return readSystemFile('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor');
}
