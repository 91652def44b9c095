import type { Dtype } from '../safetensors/dtypes.js';

/** What a pickle of tensors may be made of. Lists and tuples are arrays. */
export type PickleValue =
  null | boolean | number | string | readonly PickleValue[] | PickleDict | PickleGlobal | PickleStorage | PickleTensor;

export type PickleDict = Map<PickleValue, PickleValue>;

/** A name of Python code; one of a short list, and never called. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** A file of the archive that tensors lie in. */
export interface PickleStorage {
  readonly kind: 'storage';
  readonly dtype: Dtype;
  /** Its name in the archive. */
  readonly key: string;
  /** Elements. */
  readonly length: number;
}

export interface PickleTensor {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  /** Element of the storage at which it starts. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

export function isKind<K extends 'global' | 'storage' | 'tensor'>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}
