import type { FileHandle } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';
import { openFile, readExactly } from '../open-file.js';
import { DTYPE_BYTES } from '../safetensors/dtypes.js';
import type { CheckpointTensor } from './checkpoint-tensor.js';
import { isKind, type PickleStorage, type PickleTensor, type PickleValue } from './pickle-value.js';
import { readPickle } from './read-pickle.js';
import { readZipDirectory, zipDataOffset, type ZipEntry } from './zip-directory.js';

/** The description of a 30,000-tensor checkpoint takes about 10 MB. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
/** A zip archive's first bytes, and those of the pickled magic number before PyTorch 1.6. */
const ZIP_MAGIC = Buffer.from('PK\u0003\u0004', 'latin1');
const LEGACY_MAGIC = Buffer.from([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc]);

/**
 * Reads a PyTorch checkpoint's description of its tensors, not their data: a zip archive (PyTorch 1.6 and later) with a pickle
 * that is read as data. Nothing of the file is executed.
 * Format: PyTorch's torch/serialization.py and caffe2/serialize/inline_container.h.
 * @returns the tensors by name, in the order of the file
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE, CHECKPOINT_INVALID, CHECKPOINT_UNSUPPORTED (older formats among it)
 */
export async function readPytorch(path: string): Promise<Map<string, CheckpointTensor>> {
  const { handle, bytes: fileBytes } = await openFile(path);
  try {
    await checkMagic(handle, path, fileBytes);
    const archive = new Archive(handle, path, fileBytes, await readZipDirectory(handle, path, fileBytes));
    const byteOrder = await archive.text('byteorder');
    if (byteOrder !== undefined && byteOrder !== 'little') {
      throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path} was written on a machine of another byte order`);
    }
    const pickle = await archive.read('data.pkl', MAX_PICKLE_BYTES);
    if (pickle === undefined) throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} is a zip archive without PyTorch's data.pkl`);
    const tensors = new Map<string, CheckpointTensor>();
    for (const [name, tensor] of namedTensors(path, parse(path, pickle))) tensors.set(name, await archive.place(name, tensor));
    return tensors;
  } finally {
    await handle.close();
  }
}

async function checkMagic(handle: FileHandle, path: string, fileBytes: number): Promise<void> {
  const magic = await readExactly(handle, path, 0, Math.min(fileBytes, LEGACY_MAGIC.length));
  if (magic.equals(LEGACY_MAGIC)) {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path} was written by PyTorch before 1.6 or with its old format`, {
      hint: 'Load it with a newer PyTorch and save it again, better as safetensors.',
    });
  }
  if (!magic.subarray(0, ZIP_MAGIC.length).equals(ZIP_MAGIC))
    throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} is no PyTorch checkpoint`);
}

/** Adds the file's name to what the pickle is refused for. */
function parse(path: string, pickle: Buffer): PickleValue {
  try {
    return readPickle(pickle);
  } catch (thrown) {
    const { code, message, hint } = EdgeVlmError.from(thrown);
    throw new EdgeVlmError(code, `${path}: ${message}`, { cause: thrown, hint });
  }
}

function* namedTensors(path: string, value: PickleValue): Generator<[string, PickleTensor]> {
  if (!(value instanceof Map)) throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path} holds no dictionary of tensors`);
  for (const [name, tensor] of value) {
    if (typeof name !== 'string') throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} holds a tensor whose name is no text`);
    if (!isKind(tensor, 'tensor')) throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: ${name} is no tensor`);
    yield [name, tensor];
  }
}

class Archive {
  /** All files of a PyTorch archive lie in one folder, named like the archive. */
  readonly #folder: string;
  readonly #offsets = new Map<string, Promise<number>>();

  constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
    private readonly fileBytes: number,
    private readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {
    const pickles = [...entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
    this.#folder = pickles[0]?.slice(0, -'data.pkl'.length) ?? '';
  }

  /** A small file's bytes, or undefined where the archive has none of that name. */
  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const entry = this.entries.get(this.#folder + name);
    if (entry === undefined) return undefined;
    if (entry.bytes > limit) throw new EdgeVlmError('CHECKPOINT_INVALID', `${this.path}: ${entry.name} has ${entry.bytes} bytes`);
    return readExactly(this.handle, this.path, await this.#offsetOf(entry), entry.bytes);
  }

  async text(name: string): Promise<string | undefined> {
    return (await this.read(name, 64))?.toString('utf8').trim();
  }

  /** Where a tensor's data lie. */
  async place(name: string, { storage, offset, shape, stride }: PickleTensor): Promise<CheckpointTensor> {
    const { dtype } = storage;
    const entry = this.#entryOf(name, storage);
    const elements = shape.reduce((product, size) => product * size, 1);
    if (!Number.isSafeInteger(elements) || offset + elements > storage.length) {
      throw new EdgeVlmError('CHECKPOINT_INVALID', `${this.path}: ${name} is larger than the ${storage.length} elements it lies in`);
    }
    if (!isContiguous(shape, stride)) {
      throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${this.path}: ${name} is a view with the strides [${stride.join(', ')}]`);
    }
    const fileOffset = (await this.#offsetOf(entry)) + offset * DTYPE_BYTES[dtype];
    return { name, dtype, shape, path: this.path, bytes: elements * DTYPE_BYTES[dtype], fileOffset };
  }

  #entryOf(name: string, { key, length, dtype }: PickleStorage): ZipEntry {
    const entry = this.entries.get(`${this.#folder}data/${key}`);
    if (entry === undefined || entry.bytes < length * DTYPE_BYTES[dtype]) {
      throw new EdgeVlmError('CHECKPOINT_INVALID', `${this.path} lacks the data of ${name}`);
    }
    return entry;
  }

  #offsetOf(entry: ZipEntry): Promise<number> {
    const known = this.#offsets.get(entry.name) ?? zipDataOffset(this.handle, this.path, entry, this.fileBytes);
    this.#offsets.set(entry.name, known);
    return known;
  }
}

/** Rows one after another; the stride of a dimension of size 1 does not matter. */
function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] ?? 1;
    if (size === 0) return true;
    if (size !== 1 && stride[i] !== expected) return false;
    expected *= size;
  }
  return true;
}
