import { EdgeVlmError } from '../../core/errors.js';
import type { GgufValue, NumberArray } from './gguf-value.js';

/**
 * A GGUF file's keys and values, read by type. A getter given a `fallback` returns it where the key is absent;
 * without one an absent key is an error. A key of another type is always an error.
 * @throws EdgeVlmError MODEL_INCOMPLETE for an absent key, GGUF_INVALID for a wrong type or an integer beyond 2^53.
 */
export class GgufMetadata {
  constructor(
    private readonly path: string,
    private readonly values: ReadonlyMap<string, GgufValue>,
  ) {}

  has(key: string): boolean {
    return this.values.has(key);
  }

  /** The value with its type in the file. */
  get(key: string): GgufValue | undefined {
    return this.values.get(key);
  }

  /** Keys and values in the order of the file. */
  entries(): IterableIterator<[string, GgufValue]> {
    return this.values.entries();
  }

  string(key: string, fallback?: string): string {
    const found = this.#find(key, fallback);
    if (found === undefined) return fallback ?? '';
    return found.type === 'string' ? found.value : this.#wrongType(key, found, 'a string');
  }

  boolean(key: string, fallback?: boolean): boolean {
    const found = this.#find(key, fallback);
    if (found === undefined) return fallback ?? false;
    return found.type === 'bool' ? found.value : this.#wrongType(key, found, 'a boolean');
  }

  /** Any numeric type; 64-bit integers must fit a JavaScript number. */
  number(key: string, fallback?: number): number {
    const found = this.#find(key, fallback);
    if (found === undefined) return fallback ?? 0;
    if (typeof found.value === 'number') return found.value;
    return typeof found.value === 'bigint' ? this.#safe(key, found.value) : this.#wrongType(key, found, 'a number');
  }

  /** A number that must be a whole one ≥ 0, as counts, sizes and token ids are. */
  count(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new EdgeVlmError('GGUF_INVALID', `${this.path}: ${key} is ${value}, expected a whole number`);
  }

  strings(key: string, fallback?: readonly string[]): readonly string[] {
    const found = this.#find(key, fallback);
    if (found === undefined) return fallback ?? [];
    return found.type === 'array' && found.of === 'string' ? found.value : this.#wrongType(key, found, 'an array of strings');
  }

  /** An array of any numeric type; 64-bit integers become a Float64Array and must fit one. */
  numbers(key: string, fallback?: NumberArray): NumberArray {
    const found = this.#find(key, fallback);
    if (found === undefined) return fallback ?? new Float64Array();
    if (found.type !== 'array' || found.of === 'string' || found.of === 'bool') return this.#wrongType(key, found, 'an array of numbers');
    const { value } = found;
    const isWide = value instanceof BigUint64Array || value instanceof BigInt64Array;
    return isWide ? Float64Array.from(value, (element) => this.#safe(key, element)) : value;
  }

  #find(key: string, fallback: unknown): GgufValue | undefined {
    const found = this.values.get(key);
    if (found === undefined && fallback === undefined) {
      throw new EdgeVlmError('MODEL_INCOMPLETE', `${this.path} lacks the key ${key}`);
    }
    return found;
  }

  #safe(key: string, value: bigint): number {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new EdgeVlmError('GGUF_INVALID', `${this.path}: ${key} is ${value.toString()}, beyond 2^53`);
  }

  #wrongType(key: string, found: GgufValue, wanted: string): never {
    const type = found.type === 'array' ? `an array of ${found.of}` : found.type;
    throw new EdgeVlmError('GGUF_INVALID', `${this.path}: ${key} is ${type}, expected ${wanted}`);
  }
}
