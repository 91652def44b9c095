import { EdgeVlmError } from '../../core/errors.js';
import type { Dtype } from '../safetensors/dtypes.js';
import { isKind, type PickleGlobal, type PickleStorage, type PickleTensor, type PickleValue } from './pickle-value.js';

/** PyTorch's storage classes, by what their elements are. */
const STORAGES: ReadonlyMap<string, Dtype> = new Map([
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.DoubleStorage', 'F64'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
]);

/** The Python functions whose meaning is known here; nothing else is accepted, and nothing is ever called. */
const FUNCTIONS = ['collections.OrderedDict', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_parameter'] as const;
type FunctionName = (typeof FUNCTIONS)[number];

/** More dimensions no PyTorch checkpoint has (video convolutions have 5). */
const MAX_DIMS = 8;

/** A name of Python code. @throws CHECKPOINT_UNSUPPORTED for one that tensors do not need */
export function globalNamed(module: string, name: string): PickleGlobal {
  const full = `${module}.${name}`;
  if (STORAGES.has(full) || FUNCTIONS.some((known) => known === full)) return { kind: 'global', name: full };
  throw new EdgeVlmError(
    'CHECKPOINT_UNSUPPORTED',
    `it asks for the Python code ${JSON.stringify(full.slice(0, 200))}, which tensors do not need`,
    {
      hint: 'Nothing of the file was run. Do not open it in Python unless you trust it; a checkpoint in safetensors holds tensors only.',
    },
  );
}

/** What a known function makes of its arguments. @throws CHECKPOINT_INVALID, CHECKPOINT_UNSUPPORTED */
export function applyGlobal({ name }: PickleGlobal, args: readonly PickleValue[]): PickleValue {
  const known = FUNCTIONS.find((candidate): candidate is FunctionName => candidate === name);
  switch (known) {
    case 'collections.OrderedDict':
      return new Map();
    case 'torch._utils._rebuild_tensor_v2':
      return tensorOf(args);
    case 'torch._utils._rebuild_parameter': {
      const [tensor] = args;
      if (!isKind(tensor, 'tensor')) throw invalid('a parameter that is no tensor');
      return tensor;
    }
    case undefined:
      throw invalid(`a call of ${name}`);
  }
}

/** What stands for `('storage', class, key, location, elements)`, the one kind of outside object PyTorch writes. */
export function storageOf(id: PickleValue): PickleStorage {
  const [tag, type, key, , length] = Array.isArray(id) ? (id as readonly PickleValue[]) : [];
  const dtype = isKind(type, 'global') ? STORAGES.get(type.name) : undefined;
  if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isCount(length))
    throw invalid('an outside object that is no storage');
  return { kind: 'storage', dtype, key, length };
}

function tensorOf([storage, offset, shape, stride]: readonly PickleValue[]): PickleTensor {
  const sizes = counts(shape);
  const steps = counts(stride);
  if (!isKind(storage, 'storage') || !isCount(offset) || sizes === undefined || steps?.length !== sizes.length) {
    throw invalid('a tensor that is described wrongly');
  }
  return { kind: 'tensor', storage, offset, shape: sizes, stride: steps };
}

function counts(value: PickleValue | undefined): number[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_DIMS) return undefined;
  const list: readonly PickleValue[] = value;
  return list.every(isCount) ? [...list] : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function invalid(what: string): EdgeVlmError {
  return new EdgeVlmError('CHECKPOINT_INVALID', `it holds ${what}`);
}
