import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { sha256Json } from '../../core/canonical-json.js';
import type { ModelIdentity } from '../../core/run-record.js';
import type { RuntimeName } from '../../core/runtime.js';
import { sha256File } from '../../core/sha256-file.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { findCheckpoint } from '../../runtimes/worker/find-checkpoint.js';
import { identifyModel } from '../identify-model.js';

/** What of a checkpoint's folder decides the answers: weights, their shape, and how text becomes tokens. */
const CHECKPOINT_FILE = /\.(json|safetensors|bin|onnx|onnx_data|model|jinja|txt|py)$/;

/**
 * Which files a runtime computes with, for a model that it was given. A checkpoint is known by the hash over the hashes of its files.
 * @returns null for a name of the hub, whose files the runtime finds itself, and for the null runtime
 * @throws as `readGguf` and `findCheckpoint`; CANCELLED
 */
export async function identifyBaseline(
  { runtime, model }: { readonly runtime: RuntimeName; readonly model: string },
  signal: AbortSignal,
): Promise<ModelIdentity | null> {
  switch (runtime) {
    case 'engine':
    case 'llama-cpp':
    case 'llama-server':
      return identifyModel(await readGguf(model), signal);
    case 'transformers-js':
      return identifyCheckpoint(model, 'onnx', signal);
    case 'python':
      return identifyCheckpoint(model, 'hf', signal);
    case 'openai-http':
    case 'null':
      return null;
  }
}

async function identifyCheckpoint(model: string, kind: 'hf' | 'onnx', signal: AbortSignal): Promise<ModelIdentity | null> {
  const checkpoint = await findCheckpoint(model, kind);
  if ('hub' in checkpoint) return null;
  const { folder } = checkpoint;
  const names = [...(await readdir(folder)), ...(await readdir(path.join(folder, 'onnx')).catch(() => [])).map((name) => `onnx/${name}`)];
  const files: [name: string, sha256: string][] = [];
  let bytes = 0;
  for (const name of names.filter((one) => CHECKPOINT_FILE.test(one)).sort()) {
    const file = path.join(folder, name);
    files.push([name, await sha256File(file, signal)]);
    bytes += (await stat(file)).size;
  }
  // `models/shapes/hf` is known as shapes.
  const name = path.basename(folder) === kind ? path.basename(path.dirname(folder)) : path.basename(folder);
  return { name: name === '' ? 'checkpoint' : name, sha256: sha256Json(files), bytes, precision: 'unknown' };
}
