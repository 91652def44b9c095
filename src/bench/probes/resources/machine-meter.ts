import type { Probe, ResourceUse, ThermalReading, TimedThermalReading, TimeSeries } from '../../../core/probe.js';
import type { RaplProbe } from '../rapl.js';
import { SeriesRecorder } from './series-recorder.js';

/** A ledger keeps no more readings; beyond, every second one goes and as many fewer come. */
const MAX_READINGS = 600;

type RaplPower = Pick<ResourceUse['power'], 'package_joules' | 'package_watts' | 'dram_joules' | 'dram_watts'>;

interface MachineProbes {
  readonly thermal: Probe<ThermalReading>;
  readonly governor: () => Promise<string | null>;
  readonly rapl: RaplProbe;
}

/** Follows heat, clock and energy of the machine. */
export class MachineMeter {
  readonly #watts = new SeriesRecorder('package_power', 'W', 'mean');
  #ledger: TimedThermalReading[] = [];
  #every = 1;
  #readings = 0;
  #first_ms: number | undefined;
  #last: { readonly time_ms: number; readonly package_joules: number | null; readonly dram_joules: number | null } | undefined;

  /** @param now_ms since the sampling began */
  constructor(
    private readonly probes: MachineProbes,
    private readonly now_ms: () => number,
  ) {}

  async read(): Promise<void> {
    const { thermal, governor, rapl } = this.probes;
    const time_ms = this.now_ms();
    const [heat, named, energy] = await Promise.all([thermal.read(), governor(), rapl.read()]);
    if (this.#readings++ % this.#every === 0) this.#enter({ time_ms, ...heat, governor: named });
    const before = this.#last;
    this.#first_ms ??= time_ms;
    this.#last = { time_ms, ...energy };
    if (before === undefined || before.package_joules === null || energy.package_joules === null) return;
    if (time_ms > before.time_ms)
      this.#watts.add(time_ms, (energy.package_joules - before.package_joules) / ((time_ms - before.time_ms) / 1000));
  }

  get ledger(): readonly TimedThermalReading[] {
    return this.#ledger;
  }

  get power(): RaplPower {
    const { package_joules = null, dram_joules = null, time_ms = 0 } = this.#last ?? {};
    const seconds = (time_ms - (this.#first_ms ?? 0)) / 1000;
    // Energy is counted from the first reading; a single one tells nothing.
    const mean = (joules: number | null): number | null => (joules === null || seconds <= 0 ? null : joules / seconds);
    return {
      package_joules: seconds > 0 ? package_joules : null,
      package_watts: mean(package_joules),
      dram_joules: seconds > 0 ? dram_joules : null,
      dram_watts: mean(dram_joules),
    };
  }

  get series(): TimeSeries[] {
    return this.#watts.list();
  }

  get absent(): Record<string, string> {
    const last = this.#ledger.at(-1);
    const { why } = this.probes.rapl;
    return {
      ...(why !== undefined && { package_power: why }),
      ...(last?.temperature_celsius === null && { temperature: 'this machine shows no thermal zone' }),
      ...(last?.frequency_mhz === null && { frequency: 'this machine does not tell its clock' }),
      ...(last?.governor === null && { governor: 'this machine has no cpufreq driver' }),
    };
  }

  #enter(reading: TimedThermalReading): void {
    this.#ledger.push(reading);
    if (this.#ledger.length < MAX_READINGS) return;
    this.#ledger = this.#ledger.filter((_, index) => index % 2 === 0);
    this.#every *= 2;
  }
}
