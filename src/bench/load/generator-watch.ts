import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, systemClock } from '../../core/clock.js';
import { percentile } from '../../core/percentiles.js';
import type { GeneratorAudit } from '../../core/run-record.js';

/** Milliseconds between looks at the event loop. */
const RESOLUTION_MS = 1;

/** Watches the process that makes the load and takes the times; its audit goes into the record, where a late process fails its own run. */
export class GeneratorWatch {
  readonly #loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #cpu = process.cpuUsage();
  readonly #start: number;
  readonly #startDelays_ms: number[] = [];

  constructor(private readonly clock: Clock = systemClock) {
    this.#start = clock.now_ms();
    this.#loop.enable();
  }

  /** Tells of a request that was to start at `scheduled_ms` of the clock and starts now. @returns how late it is, milliseconds */
  started(scheduled_ms: number): number {
    const delay = Math.max(0, this.clock.now_ms() - scheduled_ms);
    this.#startDelays_ms.push(delay);
    return delay;
  }

  /** Ends the watch. To be called once. */
  stop(): GeneratorAudit {
    this.#loop.disable();
    const duration_ms = this.clock.now_ms() - this.#start;
    const { user, system } = process.cpuUsage(this.#cpu);
    // The histogram counts whole periods, in nanoseconds; what is beyond one was late.
    const late = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) : 0);
    const starts = this.#startDelays_ms.toSorted((a, b) => a - b);
    const at = (p: number): number => percentile(starts, p).value;
    return {
      duration_ms,
      eventLoopDelay_ms: {
        p50: this.#loop.count === 0 ? 0 : late(this.#loop.percentile(50)),
        p99: this.#loop.count === 0 ? 0 : late(this.#loop.percentile(99)),
        max: this.#loop.count === 0 ? 0 : late(this.#loop.max),
      },
      cpuShare: duration_ms > 0 ? (user + system) / 1000 / duration_ms : 0,
      startDelay_ms: starts.length === 0 ? null : { p50: at(0.5), p99: at(0.99), max: at(1) },
      starts: starts.length,
    };
  }
}
