import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';

/** `hf` is what PyTorch loads, `onnx` what ONNX Runtime does; also the names of the folders in which they lie beside GGUF files. */
export type CheckpointKind = 'hf' | 'onnx';

/** A folder here, or a repository of the Hugging Face hub. */
export type Checkpoint = { readonly folder: string } | { readonly hub: string };

/** `owner/name` as the hub allows it, or one of its oldest models, which have no owner (`gpt2`); but no name of a weights file. */
const HUB_ID = /^(?:[A-Za-z0-9][\w.-]{0,95}\/)?[A-Za-z0-9][\w.-]{0,95}$/;
const WEIGHTS_FILE = /\.(?:gguf|onnx|safetensors|bin)$/;
const WEIGHTS: Record<CheckpointKind, { readonly pattern: RegExp; readonly words: string }> = {
  hf: { pattern: /\.(?:safetensors|bin)$/, words: '*.safetensors' },
  onnx: { pattern: /^onnx$/, words: 'a folder onnx' },
};

/**
 * Finds the checkpoint that a name means: an absolute folder with `config.json` and weights, the folder `hf` or `onnx` in it or, for a file such
 * as a GGUF, beside it; a name that is no path here and looks like `owner/name` or `name` is the hub's.
 * @throws FILE_NOT_FOUND; LOAD_ERROR when there is no checkpoint of this kind
 */
export async function findCheckpoint(model: string, kind: CheckpointKind): Promise<Checkpoint> {
  const found = await stat(model).catch(() => undefined);
  if (found === undefined) {
    if (HUB_ID.test(model) && !WEIGHTS_FILE.test(model)) return { hub: model };
    throw new EdgeVlmError('FILE_NOT_FOUND', `${model} does not exist`);
  }
  const folder = resolve(found.isDirectory() ? model : dirname(model));
  for (const candidate of [folder, join(folder, kind)]) {
    const names = await readdir(candidate).catch((): string[] => []);
    if (names.includes('config.json') && names.some((name) => WEIGHTS[kind].pattern.test(name))) return { folder: candidate };
  }
  throw new EdgeVlmError(
    'LOAD_ERROR',
    `there is no checkpoint for this runtime in ${folder}: it has config.json and ${WEIGHTS[kind].words}`,
    {
      hint: 'Pass the folder of a checkpoint in the format of Hugging Face, or the id of a repository of the hub.',
    },
  );
}
