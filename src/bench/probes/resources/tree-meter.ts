import type { MemoryReading, ResourceUse, TimeSeries } from '../../../core/probe.js';
import type { ProcessTree } from '../process-tree.js';
import { SeriesRecorder } from './series-recorder.js';

/** Processor time comes in steps of 10 ms, so over less than this a share of it would be noise. */
const CPU_WINDOW_MS = 500;
/** Reading PSS may take this share of the time: the process cannot change its maps meanwhile. */
const PSS_SHARE = 0.01;
const PSS_INTERVAL_MS = 1000;

type Memory = ResourceUse['memory'];

/** Follows memory and processor time of a process tree. */
export class TreeMeter {
  readonly #rss = new SeriesRecorder('rss', 'bytes', 'highest');
  readonly #anonymous = new SeriesRecorder('rss_anonymous', 'bytes', 'highest');
  readonly #cores = new SeriesRecorder('cpu', 'cores', 'mean');
  readonly #peakOfProcess = new Map<number, number>();
  #peaks: Omit<Memory, 'sumOfPeakRss_bytes'> = {
    ...{ peakRss_bytes: null, peakPss_bytes: null, peakRssAnon_bytes: null, peakSwap_bytes: null, processes: null },
  };
  #pids: ReadonlySet<number> = new Set();
  #pssDue_ms = 0;
  #quickestPss_ms = Infinity;
  /** Of the tree at the last reading; undefined before the first. */
  #cpuBefore_ms: number | undefined;
  /** Since the first reading; null while nothing is told. */
  #cpu_ms: number | null = null;
  #window = { begin_ms: 0, cpu_ms: 0 };
  #turn: Promise<unknown> = Promise.resolve();

  /** @param now_ms since the sampling began */
  constructor(
    private readonly tree: ProcessTree,
    private readonly now_ms: () => number,
  ) {}

  /** The processes at the last reading. */
  get pids(): ReadonlySet<number> {
    return this.#pids;
  }

  /** Readings take turns. @param pss whether to read PSS; default: when it is due */
  read(pss?: boolean): Promise<MemoryReading> {
    const reading = this.#turn.then(() => this.#read(pss ?? this.now_ms() >= this.#pssDue_ms));
    this.#turn = reading;
    return reading;
  }

  get memory(): Memory {
    const known = [...this.#peakOfProcess.values()];
    return { ...this.#peaks, sumOfPeakRss_bytes: known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0) };
  }

  /** @param duration_ms what a share is of @param logicalCores of the machine */
  cpu(duration_ms: number, logicalCores: number): ResourceUse['cpu'] {
    const time_ms = this.#cpu_ms;
    const cores = time_ms === null || duration_ms <= 0 ? null : time_ms / duration_ms;
    return { time_ms, cores, share: cores === null ? null : cores / logicalCores };
  }

  get series(): TimeSeries[] {
    return [this.#rss, this.#anonymous, this.#cores].flatMap((recorder) => recorder.list());
  }

  async #read(pss: boolean): Promise<MemoryReading> {
    const begin_ms = this.now_ms();
    const { memory, cpu_ms, pids, peakRss_bytes } = await this.tree.read({ pss });
    const time_ms = this.now_ms();
    if (pss) {
      this.#quickestPss_ms = Math.min(this.#quickestPss_ms, time_ms - begin_ms);
      this.#pssDue_ms = time_ms + Math.max(PSS_INTERVAL_MS, this.#quickestPss_ms / PSS_SHARE);
    }
    this.#pids = pids;
    for (const [pid, bytes] of peakRss_bytes) this.#peakOfProcess.set(pid, Math.max(bytes, this.#peakOfProcess.get(pid) ?? 0));
    const { peakRss_bytes: rss, peakPss_bytes, peakRssAnon_bytes, peakSwap_bytes, processes } = this.#peaks;
    this.#peaks = {
      peakRss_bytes: higher(rss, memory.rss_bytes),
      peakPss_bytes: higher(peakPss_bytes, memory.pss_bytes),
      peakRssAnon_bytes: higher(peakRssAnon_bytes, memory.rssAnon_bytes),
      peakSwap_bytes: higher(peakSwap_bytes, memory.swap_bytes),
      processes: higher(processes, pids.size === 0 ? null : pids.size),
    };
    this.#rss.add(time_ms, memory.rss_bytes);
    this.#anonymous.add(time_ms, memory.rssAnon_bytes);
    this.#countCpu(time_ms, cpu_ms);
    return memory;
  }

  #countCpu(time_ms: number, cpu_ms: number | null): void {
    // What runs at the first reading counts from there; what appears later counts in full.
    const before = this.#cpuBefore_ms ?? cpu_ms ?? 0;
    this.#cpuBefore_ms = cpu_ms ?? 0;
    if (cpu_ms === null) return;
    this.#cpu_ms = (this.#cpu_ms ?? 0) + Math.max(0, cpu_ms - before);
    const passed_ms = time_ms - this.#window.begin_ms;
    if (passed_ms < CPU_WINDOW_MS) return;
    this.#cores.add(time_ms, (this.#cpu_ms - this.#window.cpu_ms) / passed_ms);
    this.#window = { begin_ms: time_ms, cpu_ms: this.#cpu_ms };
  }
}

function higher(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
