import { mkdtemp, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { formatBytes } from '../../core/units.js';
import { tensorBytes } from '../../formats/gguf/ggml-types.js';
import { readGguf, type GgufFile } from '../../formats/gguf/read-gguf.js';
import { planTypes, type PlannedTensor } from './plan-types.js';
import { quantiseFile, type QuantiseFileHooks, type QuantiseFileRequest } from './quantise-file.js';
import type { QuantiseType } from './quantised-type.js';
import type { KeptReason } from './target-type.js';

export interface QuantiseModelOptions {
  /** GGUF file, either half of a model, with f32, f16 or bf16 weights. */
  readonly model: string;
  /** GGUF file to write; one that exists is replaced when the new one is whole. */
  readonly out: string;
  readonly type: QuantiseType;
  readonly threads: number;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where native code runs. Default: in this process. */
  readonly run?: (request: QuantiseFileRequest, hooks: QuantiseFileHooks) => Promise<void>;
  /** Bytes that may still be written in a folder. Default: what the file system says. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export interface QuantiseReport {
  readonly path: string;
  readonly type: QuantiseType;
  readonly sourceBytes: number;
  readonly bytes: number;
  /** How many tensors are of each type. */
  readonly tensorsByType: Readonly<Record<string, number>>;
  /** Tensors whose rows do not fit the blocks of the type they would have had. */
  readonly substituted: readonly { readonly name: string; readonly rowLength: number; readonly wanted: string; readonly used: string }[];
  /** How many tensors kept their type, by reason. */
  readonly kept: Readonly<Partial<Record<KeptReason, number>>>;
}

/**
 * Quantises either half of a model. The file appears at `out` whole or not at all.
 * @throws EdgeVlmError USAGE for the same file twice, MODEL_UNSUPPORTED for a file that is quantised already, DISK_FULL,
 * FILE_UNWRITABLE, NATIVE_FAILED, CANCELLED; what `readGguf` throws.
 */
export async function quantiseModel(options: QuantiseModelOptions): Promise<QuantiseReport> {
  const { model, out, type, threads, onProgress, signal, run = quantiseFile, freeBytes = freeIn } = options;
  const file = await readGguf(model);
  if (await isSameFile(model, out)) throw new EdgeVlmError('USAGE', `${out} is the file that is to be quantised`);
  const plan = planTypes(file, type);
  const needed = expectedBytes(file, plan);
  const folder = await makeFolder(out);
  try {
    const free = await freeBytes(folder);
    const full = (): EdgeVlmError => new EdgeVlmError('DISK_FULL', `${out} needs ${formatBytes(needed)}, ${formatBytes(free)} are free`);
    if (free < needed) throw full();
    const part = join(folder, 'part.gguf');
    try {
      await run({ model, out: part, type, threads }, { onProgress, signal });
    } catch (thrown) {
      // libllama does not say that a disk is full.
      const rest = needed - ((await sizeOf(part)) ?? 0);
      throw (await freeBytes(folder)) < Math.min(rest, 2 ** 20) ? full() : thrown;
    }
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', `quantising ${model} was stopped`);
    const made = await readGguf(part);
    await settle(part, out);
    return { path: out, type, sourceBytes: file.fileBytes, ...describe(made, plan) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true }).catch(() => undefined)]);
  return first.ino === second?.ino && first.dev === second.dev;
}

function expectedBytes({ dataOffset }: GgufFile, plan: readonly PlannedTensor[]): number {
  return plan.reduce((sum, { tensor, type }) => sum + (tensorBytes(type, tensor.shape) ?? tensor.bytes), dataOffset);
}

/** A folder beside the output: a process that is killed leaves nothing that looks like a model. */
async function makeFolder(out: string): Promise<string> {
  return mkdtemp(join(dirname(out), `.${basename(out)}.`)).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${out} cannot be written`, { cause });
  });
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

async function settle(part: string, out: string): Promise<void> {
  try {
    const handle = await open(part, 'r+');
    await handle.sync().finally(() => handle.close());
    await rename(part, out);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${out} cannot be written`, { cause });
  }
}

/** What was made, read from the file itself. */
function describe(
  made: GgufFile,
  plan: readonly PlannedTensor[],
): Pick<QuantiseReport, 'bytes' | 'tensorsByType' | 'substituted' | 'kept'> {
  const types = new Map(made.tensors.map(({ name, type }) => [name, type]));
  const tensorsByType: Record<string, number> = {};
  for (const type of types.values()) tensorsByType[type] = (tensorsByType[type] ?? 0) + 1;
  const kept: Partial<Record<KeptReason, number>> = {};
  for (const { kept: reason } of plan) if (reason !== undefined) kept[reason] = (kept[reason] ?? 0) + 1;
  const substituted = plan.flatMap(({ tensor: { name, shape }, insteadOf: wanted, type }) =>
    wanted === undefined ? [] : [{ name, rowLength: shape[0] ?? 1, wanted, used: types.get(name) ?? type }],
  );
  return { bytes: made.fileBytes, tensorsByType, substituted, kept };
}
