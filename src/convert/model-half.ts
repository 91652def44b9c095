import { EdgeVlmError } from '../core/errors.js';
import type { CheckpointTensor } from '../formats/checkpoint/checkpoint-tensor.js';
import { readTensor } from '../formats/checkpoint/open-checkpoint.js';
import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { GgufTensorSource } from '../formats/gguf/write-gguf.js';
import { encodeTensor } from './encode-tensor.js';
import { storedType, type OutputType } from './output-type.js';

/** What becomes of one tensor of the checkpoint. */
export interface TensorPlan {
  /** Its name in the GGUF file. */
  readonly name: string;
  /** The shape the configuration asks for, PyTorch order. */
  readonly shape: readonly number[];
  /** The model works without it. */
  readonly optional?: boolean;
  /** Stays f32 whatever the output type. */
  readonly full?: boolean;
  /** Sizes of 1 are left out of the shape that is written. */
  readonly squeezed?: boolean;
  /** Reorders rows. */
  readonly rearrange?: ((values: Float32Array, rows: number) => Float32Array) | undefined;
}

/** What one GGUF file is made of: the decoder, or the vision tower with its connector. */
export interface ModelHalf {
  /** A checkpoint name as `tensors` has it; undefined for tensors of the other half. */
  readonly canonicalName: (name: string) => string | undefined;
  readonly tensors: ReadonlyMap<string, TensorPlan>;
  /** Vectors computed from the configuration. */
  readonly extraTensors: readonly { readonly name: string; readonly values: Float32Array }[];
  /** Whether tensors are written in the order of `tensors`. Default: that of the checkpoint. */
  readonly ordered?: boolean;
  /** In llama.cpp's order. */
  readonly metadata: readonly (readonly [string, GgufValue])[];
}

/** The shape a tensor is written with, PyTorch order. */
export function writtenShape({ shape, squeezed }: TensorPlan): readonly number[] {
  return squeezed === true ? shape.filter((size) => size !== 1) : shape;
}

/**
 * The tensors of a GGUF file, in the order of the checkpoint, each read and converted when it is written.
 * @param headType for the tensor that gives the logits, which bears the least rounding.
 * @throws EdgeVlmError CHECKPOINT_UNSUPPORTED for a tensor nobody knows, CHECKPOINT_INVALID for another shape than the
 * configuration's, MODEL_INCOMPLETE for a missing one.
 */
export function planTensors(
  half: ModelHalf,
  checkpoint: ReadonlyMap<string, CheckpointTensor>,
  type: OutputType,
  headType: OutputType,
): GgufTensorSource[] {
  const sources: GgufTensorSource[] = half.extraTensors.map(({ name, values }) => ({
    name,
    type: 'f32',
    shape: [values.length],
    data: () => encodeTensor(values, 'f32'),
  }));
  const found = new Map<string, CheckpointTensor>();
  for (const tensor of checkpoint.values()) {
    const canonical = half.canonicalName(tensor.name);
    if (canonical === undefined) continue;
    if (!half.tensors.has(canonical))
      throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${tensor.path} holds ${tensor.name}, which the architecture does not have`);
    if (found.has(canonical)) throw new EdgeVlmError('CHECKPOINT_INVALID', `${tensor.path} holds ${canonical} under two names`);
    found.set(canonical, tensor);
  }
  for (const [canonical, plan] of half.tensors) {
    if (plan.optional !== true && !found.has(canonical))
      throw new EdgeVlmError('MODEL_INCOMPLETE', `the checkpoint lacks the tensor ${canonical}`);
  }

  const head = found.has('lm_head.weight') ? 'output.weight' : 'token_embd.weight';
  for (const canonical of half.ordered === true ? half.tensors.keys() : found.keys()) {
    const plan = half.tensors.get(canonical);
    const tensor = found.get(canonical);
    if (plan === undefined || tensor === undefined) continue;
    const { name, shape } = plan;
    if (tensor.shape.join() !== shape.join()) {
      throw new EdgeVlmError(
        'CHECKPOINT_INVALID',
        `${tensor.path}: ${tensor.name} has the shape [${tensor.shape.join(', ')}], config.json asks for [${shape.join(', ')}]`,
      );
    }
    const written = writtenShape(plan);
    const stored = plan.full === true ? 'f32' : storedType(name, written, name === head ? headType : type);
    sources.push({
      name,
      type: stored,
      shape: written.toReversed(),
      data: async () => {
        const values = await readTensor(tensor);
        return encodeTensor(plan.rearrange?.(values, shape[0] ?? 1) ?? values, stored);
      },
    });
  }
  return sources;
}
