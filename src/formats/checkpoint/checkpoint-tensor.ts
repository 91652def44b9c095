import type { Dtype } from '../safetensors/dtypes.js';

/** Where one tensor of a checkpoint lies, whatever the format of its file. */
export interface CheckpointTensor {
  readonly name: string;
  readonly dtype: Dtype;
  /** PyTorch order: the last size is the row length. Empty for a scalar; sizes may be 0. */
  readonly shape: readonly number[];
  /** The file that holds the data. */
  readonly path: string;
  /** Bytes of data, contiguous. */
  readonly bytes: number;
  /** Where the data starts, from the beginning of the file. */
  readonly fileOffset: number;
}
