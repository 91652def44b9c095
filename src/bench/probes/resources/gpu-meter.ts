import type { GpuUse, ResourceUse, TimeSeries } from '../../../core/probe.js';
import type { GpusReading, NvidiaSmiProbe } from '../nvidia-smi.js';
import type { GpuReading } from '../parse-nvidia-smi.js';
import { SeriesRecorder } from './series-recorder.js';

/** Follows the graphics cards. */
export class GpuMeter {
  readonly #power = new SeriesRecorder('gpu_power', 'W', 'mean');
  readonly #busiest = new SeriesRecorder('gpu_utilisation', 'fraction', 'mean');
  readonly #vram = new SeriesRecorder('vram', 'bytes', 'highest');
  /** By card, as they are listed. */
  readonly #cards: GpuReading[][] = [];
  #peak_bytes: number | null = null;
  #devicePeak_bytes: number | null = null;
  #joules: number | null = null;
  #before: { readonly time_ms: number; readonly watts: number | null } | undefined;
  #first_ms = 0;
  #last_ms = 0;

  /** @param pids whose memory on the cards counts @param now_ms since the sampling began */
  constructor(
    private readonly probe: NvidiaSmiProbe,
    private readonly pids: () => ReadonlySet<number>,
    private readonly now_ms: () => number,
  ) {}

  /** False once there is nothing to read. */
  get isPresent(): boolean {
    return this.probe.why === undefined;
  }

  async read(signal?: AbortSignal): Promise<void> {
    const reading = await this.probe.read(signal);
    if (reading === null) return;
    const time_ms = this.now_ms();
    const { gpus } = reading;
    for (const [index, gpu] of gpus.entries()) (this.#cards[index] ??= []).push(gpu);
    this.#busiest.add(time_ms, most(gpus.map(({ utilisation }) => utilisation)));
    this.#countPower(time_ms, sum(gpus.map(({ power_watts }) => power_watts)));
    const mine = this.#bytesOfProcesses(reading);
    this.#vram.add(time_ms, mine);
    this.#peak_bytes = most([this.#peak_bytes, mine]);
    this.#devicePeak_bytes = most([this.#devicePeak_bytes, sum(gpus.map(({ used_bytes }) => used_bytes))]);
  }

  get gpus(): GpuUse[] {
    return this.#cards.map((readings): GpuUse => {
      const of = (field: (reading: GpuReading) => number | null): (number | null)[] => readings.map(field);
      const last = readings.at(-1);
      return {
        name: last?.name ?? '',
        utilisation: mean(of(({ utilisation }) => utilisation)),
        temperature_celsius: most(of(({ temperature_celsius }) => temperature_celsius)),
        power_watts: mean(of(({ power_watts }) => power_watts)),
        peakPower_watts: most(of(({ power_watts }) => power_watts)),
        peakUsed_bytes: most(of(({ used_bytes }) => used_bytes)),
        total_bytes: last?.total_bytes ?? null,
      };
    });
  }

  get vram(): ResourceUse['vram'] {
    return {
      peak_bytes: this.#peak_bytes,
      devicePeak_bytes: this.#devicePeak_bytes,
      total_bytes: sum(this.#cards.map((readings) => readings.at(-1)?.total_bytes ?? null)),
    };
  }

  get power(): Pick<ResourceUse['power'], 'gpu_joules' | 'gpu_watts'> {
    const seconds = (this.#last_ms - this.#first_ms) / 1000;
    return { gpu_joules: this.#joules, gpu_watts: this.#joules === null || seconds <= 0 ? null : this.#joules / seconds };
  }

  get series(): TimeSeries[] {
    return [this.#power, this.#busiest, this.#vram].flatMap((recorder) => recorder.list());
  }

  get absent(): Record<string, string> {
    const { why } = this.probe;
    if (why !== undefined) return { gpu: why };
    return this.#cards.length > 0 && this.#peak_bytes === null
      ? { vram: 'nvidia-smi named none of the processes: they do not use a card, or it does not see their numbers, as in a container' }
      : {};
  }

  /** Energy is the area under the power: straight lines between the readings. */
  #countPower(time_ms: number, watts: number | null): void {
    this.#power.add(time_ms, watts);
    const before = this.#before;
    this.#before = { time_ms, watts };
    if (before === undefined) this.#first_ms = time_ms;
    this.#last_ms = time_ms;
    if (before === undefined || before.watts === null || watts === null) return;
    this.#joules = (this.#joules ?? 0) + ((before.watts + watts) / 2) * ((time_ms - before.time_ms) / 1000);
  }

  #bytesOfProcesses({ processes }: GpusReading): number | null {
    const mine = [...processes].filter(([pid]) => this.pids().has(pid)).map(([, bytes]) => bytes);
    return sum(mine);
  }
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

/** Null when one is null: a sum without it would be too low. */
function sum(values: readonly (number | null)[]): number | null {
  const numbers = known(values);
  return numbers.length === 0 || numbers.length < values.length ? null : numbers.reduce((total, value) => total + value, 0);
}

function mean(values: readonly (number | null)[]): number | null {
  const numbers = known(values);
  return numbers.length === 0 ? null : numbers.reduce((total, value) => total + value, 0) / numbers.length;
}

function most(values: readonly (number | null)[]): number | null {
  return known(values).reduce<number | null>((highest, value) => (highest === null ? value : Math.max(highest, value)), null);
}
