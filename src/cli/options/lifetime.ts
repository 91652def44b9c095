import { InvalidArgumentError } from 'commander';

const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { h: DAY_MS / 24, d: DAY_MS, w: 7 * DAY_MS, y: 365 * DAY_MS };
const LONGEST_MS = 100 * 365 * DAY_MS;

/** Parses `12h`, `30d`, `2w` or `1y` as milliseconds. */
export function lifetime(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([hdwy])$/.exec(text) ?? [];
  const value_ms = Number(count) * (UNITS[unit] ?? 0);
  if (value_ms > 0 && value_ms <= LONGEST_MS) return value_ms;
  throw new InvalidArgumentError('Expected a time from 1h to 100y: 12h, 30d, 2w, 1y.');
}
