/** A part of the number line and the round numbers on it. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Ascending, all from `low` to `high`. */
  readonly ticks: readonly number[];
}

export interface AxisOptions {
  /** Where the axis begins at the latest, for example 0 for bars. Default: at the least value. */
  readonly from?: number | undefined;
  /** About how many steps. Default 4. */
  readonly count?: number | undefined;
  /** Ticks are round numbers of these, for example 2²⁰ for MiB. Default 1. */
  readonly unit?: number | undefined;
}

/**
 * An axis over `values` in steps of 1, 2 or 5 times a power of ten. Values that are no finite numbers are passed over; without any
 * the axis goes from 0 to 1.
 */
export function axisOver(values: readonly number[], { from, count = 4, unit = 1 }: AxisOptions = {}): Axis {
  const known = values.filter(Number.isFinite).map((value) => value / unit);
  if (from !== undefined) known.push(from / unit);
  if (known.length === 0) return { low: 0, high: unit, ticks: [0, unit] };
  const least = known.reduce((a, b) => Math.min(a, b));
  const most = known.reduce((a, b) => Math.max(a, b));
  const magnitude = Math.max(Math.abs(least), Math.abs(most));
  // Nothing but zero, or as good as that: a step of it could not be told from 0.
  if (magnitude < 1e-300) return { low: 0, high: unit, ticks: [0, unit] };
  // One value only, or as good as one: an axis around it.
  const spread = most - least > 1e-9 * magnitude ? most - least : magnitude;
  const step = roundStep(spread / count);
  const first = Math.floor(least / step);
  const last = Math.max(Math.ceil(most / step), first + 1);
  // Counted in steps: sums of 0.1 would drift.
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => unit * Number(((first + index) * step).toPrecision(12)));
  return { low: ticks[0] ?? 0, high: ticks.at(-1) ?? 1, ticks };
}

function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = wanted / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

/** Where a value of the axis lies between `left` and `right`, kept to a tenth of a pixel and inside of them. */
export function positionOn({ low, high }: Axis, value: number, left: number, right: number): number {
  const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return Number((left + share * (right - left)).toFixed(1));
}
