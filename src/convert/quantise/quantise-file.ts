import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { nativeLog } from '../../engine/ffi/native-log.js';
import { quantise } from '../../engine/libllama/quantise.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import type { QuantiseType } from './quantised-type.js';
import { rewriteModel } from './rewrite-model.js';
import { planTypes } from './plan-types.js';

export interface QuantiseFileRequest {
  /** GGUF file with f32, f16 or bf16 weights. */
  readonly model: string;
  /** File to write; nobody else looks at it until it is whole. */
  readonly out: string;
  readonly type: QuantiseType;
  readonly threads: number;
}

export interface QuantiseFileHooks {
  readonly onProgress?: Progress | undefined;
  /** libllama cannot be stopped halfway: then only the process can. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The part of quantising that runs native code: language models through libllama, which knows the mixes; vision halves and
 * plain f16 through our own writer.
 * @throws NATIVE_FAILED with libllama's own words; as `rewriteModel`
 */
export async function quantiseFile(
  { model, out, type, threads }: QuantiseFileRequest,
  { onProgress, signal }: QuantiseFileHooks,
): Promise<void> {
  const file = await readGguf(model);
  if (type === 'f16' || file.metadata.string('general.architecture') === 'clip') {
    const types = new Map(planTypes(file, type).map(({ tensor, type: planned }) => [tensor.name, planned]));
    await rewriteModel(file, { out, wanted: type, threads, typeOf: ({ name, type: same }) => types.get(name) ?? same, onProgress, signal });
    return;
  }
  const task = new ProgressTask(onProgress ?? NO_PROGRESS, { label: `quantise to ${type}`, unit: 'tensors', total: file.tensors.length });
  let done = 0;
  const timer = setInterval(() => {
    const reached = tensorsBegun(nativeLog());
    task.advance(Math.max(0, reached - done));
    done = Math.max(done, reached);
  }, POLL_MS);
  try {
    await quantise({ model, out, type, threads });
  } finally {
    clearInterval(timer);
    task.end();
  }
}

const POLL_MS = 200;

/** libllama reports only in its log: `[  12/ 147] blk.1.attn_k.weight - …` when it begins with a tensor. */
function tensorsBegun(lines: readonly string[]): number {
  const newest = lines.findLast((line) => /^\[ *\d+\/ *\d+\]/.test(line));
  return newest === undefined ? 0 : Number.parseInt(newest.slice(1), 10) - 1;
}
