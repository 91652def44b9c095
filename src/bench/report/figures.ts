import { formatBytes, formatDuration, formatRate } from '../../core/units.js';
import type { Cell, Figure } from './table.js';

/** What a cell shows where there is no value. */
export const NO_VALUE = '–';

export const asBytes = (value: number): Figure => ({ text: formatBytes(value), value });
export const asDuration = (value_ms: number): Figure => ({ text: formatDuration(value_ms), value: value_ms });
export const asShare = (value: number): Figure => ({ text: `${(100 * value).toFixed(1)}%`, value });
const asRatio = (value: number): Figure => ({ text: `${value.toFixed(2)}×`, value });
export const asCount = (value: number): Figure => ({ text: value.toLocaleString('en'), value });

/** A measured number, to three significant digits or to the unit. */
export function asQuantity(value: number): Figure {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && magnitude < 0.01) return { text: value.toPrecision(2), value };
  const digits = Number.isInteger(value) || magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : 2;
  return { text: value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }), value };
}

/** Any number, to six significant digits: settings, seeds, raw samples. */
export function asNumber(value: number): Figure {
  return { text: String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(6))), value };
}

/** A figure of `unit`, shown as that unit is read. */
export function asUnit(value: number, unit: string): Figure {
  switch (unit) {
    case 'ms':
      return asDuration(value);
    case 'ms/token':
      return { text: `${formatDuration(value)}/token`, value };
    case 'bytes':
      return asBytes(value);
    case 'bytes/s':
      return { text: `${formatBytes(value)}/s`, value };
    case 'tok/s':
      return { text: formatRate(value, 'tok'), value };
    case 'fraction':
      return asShare(value);
    case '×':
      return asRatio(value);
    default:
      return asQuantity(value);
  }
}

/** The cell of a value that may be absent. */
export function orNone<T>(value: T | null | undefined, show: (value: T) => Cell): Cell {
  return value === null || value === undefined ? NO_VALUE : show(value);
}
