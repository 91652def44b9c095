import type { BoardThrottling } from '../core/probe.js';

/** The machine at one moment; null where it has no such sensor. */
export interface SystemReading {
  /** Of all cores together, 0..100. */
  readonly cpu_percent: number | null;
  /** Resident memory of the server and of the processes that hold the model, MiB. */
  readonly memory_mb: number | null;
  readonly temperature_celsius: number | null;
  /** Of a Raspberry Pi. */
  readonly throttling?: BoardThrottling | null;
}

/** Reads the machine. Never throws. */
export type SystemProbe = () => Promise<SystemReading>;

/** What `GET /metrics` says of the machine: means since the sampling began, and the newest reading. */
export interface SystemFigures {
  readonly avg_cpu_percent: number | null;
  readonly avg_memory_mb: number | null;
  readonly avg_temperature_celsius: number | null;
  readonly cpu_percent: number | null;
  readonly memory_mb: number | null;
  readonly peak_memory_mb: number | null;
  readonly temperature_celsius: number | null;
  readonly throttling: BoardThrottling | null;
}

/** Means of a machine's readings, each over those that were there. */
export class SystemSampler {
  readonly #sums = { cpu_percent: new Mean(), memory_mb: new Mean(), temperature_celsius: new Mean() };
  #newest: SystemReading = { cpu_percent: null, memory_mb: null, temperature_celsius: null };
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly probe: SystemProbe) {}

  /** Samples at intervals until `stop`. */
  start(interval_ms: number): this {
    this.#timer = setInterval(() => void this.sample(), interval_ms).unref();
    return this;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async sample(): Promise<void> {
    this.#newest = await this.probe();
    for (const name of ['cpu_percent', 'memory_mb', 'temperature_celsius'] as const) this.#sums[name].add(this.#newest[name]);
  }

  /** Of the newest reading; null before the first, and where there is no sensor. */
  get temperature_celsius(): number | null {
    return this.#newest.temperature_celsius;
  }

  /** Takes a reading where there was none yet. */
  async figures(): Promise<SystemFigures> {
    if (this.#sums.memory_mb.count === 0) await this.sample();
    const { cpu_percent, memory_mb, temperature_celsius } = this.#sums;
    return {
      avg_cpu_percent: cpu_percent.value,
      avg_memory_mb: memory_mb.value,
      avg_temperature_celsius: temperature_celsius.value,
      cpu_percent: this.#newest.cpu_percent,
      memory_mb: this.#newest.memory_mb,
      peak_memory_mb: memory_mb.highest,
      temperature_celsius: this.#newest.temperature_celsius,
      throttling: this.#newest.throttling ?? null,
    };
  }
}

class Mean {
  count = 0;
  highest: number | null = null;
  #sum = 0;

  add(value: number | null): void {
    if (value === null) return;
    this.count++;
    this.#sum += value;
    this.highest = Math.max(this.highest ?? value, value);
  }

  get value(): number | null {
    return this.count === 0 ? null : this.#sum / this.count;
  }
}
