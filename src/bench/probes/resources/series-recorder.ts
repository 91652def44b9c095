import type { TimeSeries } from '../../../core/probe.js';

/** A record keeps no more points of a series; a chart shows no more. */
const MAX_POINTS = 600;

/** Collects one quantity over time. A long series is thinned as it grows: neighbours become one point, of their mean or of the higher. */
export class SeriesRecorder {
  #time_ms: number[] = [];
  #values: number[] = [];
  /** How many values make a point, and those of the point that is being made. */
  #perPoint = 1;
  #pending: { readonly time_ms: number; readonly values: number[] } | undefined;

  constructor(
    private readonly name: string,
    private readonly unit: string,
    private readonly keep: 'mean' | 'highest',
  ) {}

  /** Passes null over. */
  add(time_ms: number, value: number | null): void {
    if (value === null) return;
    this.#pending ??= { time_ms, values: [] };
    this.#pending.values.push(value);
    if (this.#pending.values.length < this.#perPoint) return;
    this.#time_ms.push(this.#pending.time_ms);
    this.#values.push(this.#one(this.#pending.values));
    this.#pending = undefined;
    if (this.#values.length >= MAX_POINTS) this.#halve();
  }

  /** Empty where nothing was known, else one series. */
  list(): TimeSeries[] {
    const { name, unit } = this;
    const [time_ms, values] = [[...this.#time_ms], [...this.#values]];
    if (this.#pending !== undefined) {
      time_ms.push(this.#pending.time_ms);
      values.push(this.#one(this.#pending.values));
    }
    return values.length === 0 ? [] : [{ name, unit, time_ms, values }];
  }

  #halve(): void {
    const pairs = <T>(list: readonly T[]): T[][] =>
      Array.from({ length: Math.ceil(list.length / 2) }, (_, index) => list.slice(2 * index, 2 * index + 2));
    this.#time_ms = pairs(this.#time_ms).flatMap(([first]) => first ?? []);
    this.#values = pairs(this.#values).map((pair) => this.#one(pair));
    this.#perPoint *= 2;
  }

  #one(values: readonly number[]): number {
    return this.keep === 'highest' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length;
  }
}
