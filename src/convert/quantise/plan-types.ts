import { EdgeVlmError } from '../../core/errors.js';
import type { GgmlType } from '../../formats/gguf/ggml-types.js';
import type { GgufFile, GgufTensorInfo } from '../../formats/gguf/read-gguf.js';
import { isSourceType, type QuantiseType } from './quantised-type.js';
import { keptReason, targetType, type KeptReason } from './target-type.js';

export interface PlannedTensor {
  readonly tensor: GgufTensorInfo;
  readonly type: GgmlType;
  /** Present where the tensor keeps its type. */
  readonly kept?: KeptReason;
  /** Present where rows do not fit the blocks of this type, which the tensor would have had. */
  readonly insteadOf?: GgmlType;
}

/**
 * What becomes of each tensor of a file.
 * @throws MODEL_UNSUPPORTED for a file that is quantised already or one part of several, MODEL_INCOMPLETE, GGUF_INVALID
 */
export function planTypes(file: GgufFile, wanted: QuantiseType): PlannedTensor[] {
  const { metadata, path, tensors } = file;
  const architecture = metadata.string('general.architecture');
  if (metadata.count('split.count', 1) > 1) throw new EdgeVlmError('MODEL_UNSUPPORTED', `${path} is one part of several`);
  const prefix = architecture === 'clip' ? 'clip.vision' : architecture;
  const context = {
    layers: metadata.count(`${prefix}.block_count`, 0),
    tied: !tensors.some(({ name }) => name === 'output.weight'),
  };
  return tensors.map((tensor) => {
    const kept = keptReason(tensor);
    if (kept !== undefined) return { tensor, type: tensor.type, kept };
    const target = targetType(tensor, wanted, context);
    if (target.type !== tensor.type && !isSourceType(tensor.type)) {
      throw new EdgeVlmError('MODEL_UNSUPPORTED', `${path} is quantised already: ${tensor.name} is ${tensor.type}`, {
        hint: 'Quantise the f16 or f32 file it was made from: rounding twice costs quality.',
      });
    }
    return { tensor, type: target.type, ...(target.type !== target.wanted && { insteadOf: target.wanted }) };
  });
}
