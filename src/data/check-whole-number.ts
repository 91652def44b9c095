import { EdgeVlmError } from '../core/errors.js';

/** @throws EdgeVlmError USAGE when `value` is not a whole number from `low` to `high`. */
export function checkWholeNumber(name: string, value: number, low: number, high: number): void {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return;
  throw new EdgeVlmError('USAGE', `${name} must be a whole number from ${low} to ${high}, not ${value}`);
}
