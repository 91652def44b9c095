import { stat } from 'node:fs/promises';
import path from 'node:path';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import { findEntry } from '../../catalogue/entry-named.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Quantization, RuntimeName } from '../../core/runtime.js';
import { chooseRuntime } from '../../runtimes/choose-runtime.js';
import { quantisedFiles } from './quantised-files.js';
import type { VlmCellSettings } from './vlm-cell-settings.js';

/** A model as a runtime takes it. */
export interface VlmModel {
  readonly runtime: RuntimeName;
  /** A file, a folder or a name of the hub. */
  readonly model: string;
  readonly mmproj?: string;
  /** Of a name of the hub: a tag or a commit. */
  readonly revision?: string;
  /** What it is called in records: never a path. */
  readonly name: string;
  /** Why this runtime, where nobody asked for one. */
  readonly why: string | null;
}

/** These read GGUF files; the others take folders and names of the hub, too. */
const GGUF_RUNTIMES: readonly RuntimeName[] = ['engine', 'llama-cpp', 'llama-server'];

/**
 * Finds what `--model` means to a runtime, and the runtime where none is named: a GGUF file or the name of one, a folder with a
 * checkpoint, a name of the catalogue or of the hub.
 * @throws MODEL_UNKNOWN with the names there are; FILE_NOT_FOUND with how to download it; MMPROJ_MISSING; as `quantisedFiles`
 */
export async function resolveVlmModel(
  settings: VlmCellSettings,
  options: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<VlmModel> {
  const { model, runtime, quantization = 'none', precision } = settings;
  const isHere = await stat(model).then(
    () => true,
    () => false,
  );
  const name = isHere ? path.basename(path.resolve(model)) : model;
  if (runtime === 'null' || runtime === 'openai-http') return { runtime, model: runtime === 'null' ? model : '', name, why: null };
  if (runtime !== undefined && !GGUF_RUNTIMES.includes(runtime))
    return { runtime, ...(await checkpointOf(model, isHere, runtime)), name, why: null };

  const isFolder = isHere && (await stat(model)).isDirectory();
  const choice = async (files: Parameters<typeof chooseRuntime>[0]): Promise<Pick<VlmModel, 'runtime' | 'why'>> => {
    if (runtime !== undefined) return { runtime, why: null };
    const { name: chosen, why } = await chooseRuntime(files, options.signal);
    return { runtime: chosen, why };
  };
  if (isFolder && runtime === undefined) return { ...(await choice({ model })), model, name };
  try {
    const files = await ggufFiles(settings, precision === undefined ? quantization : 'none', options);
    return { ...(await choice(files)), ...files, name };
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (error.code !== 'FILE_NOT_FOUND' || isHere) throw error;
    const entry = findEntry(model);
    if (entry === undefined && isName(model)) throw unknownModel(model, error);
    if (runtime !== undefined || entry?.runtimes.includes('python') !== true) throw error;
    throw new EdgeVlmError('FILE_NOT_FOUND', error.message, { cause: error, hint: entry.note ?? error.hint });
  }
}

async function ggufFiles(
  { model: wanted, mmproj: wantedMmproj }: VlmCellSettings,
  quantization: Quantization,
  options: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<{ readonly model: string; readonly mmproj: string }> {
  const { model, mmproj } = await findModel({ model: wanted, mmproj: wantedMmproj, vision: true });
  if (mmproj === undefined) throw new EdgeVlmError('MMPROJ_MISSING', `there is no vision half beside ${model}, so it cannot see pictures`);
  return quantisedFiles({ model, mmproj }, quantization, options);
}

/** The file of a model that lies here, beside which runtimes look for their own formats; else its name on the hub. */
async function checkpointOf(model: string, isHere: boolean, runtime: RuntimeName): Promise<Pick<VlmModel, 'model' | 'revision'>> {
  if (isHere) return { model };
  const entry = findEntry(model);
  if (entry === undefined && model.includes('/')) return { model };
  const checkpoint = runtime === 'python' ? entry?.checkpoint : undefined;
  if (checkpoint !== undefined) return { model: checkpoint.repository, revision: checkpoint.revision };
  const found = await findModel({ model }).catch((thrown: unknown) => {
    const error = EdgeVlmError.from(thrown);
    if (error.code !== 'FILE_NOT_FOUND') throw error;
    return error;
  });
  if (!(found instanceof EdgeVlmError)) return { model: found.model };
  const onHub = entry?.aliases.find((alias) => alias.includes('/'));
  if (onHub !== undefined) return { model: onHub };
  throw entry === undefined ? unknownModel(model, found) : found;
}

/** Not the path of something that is not there. */
function isName(model: string): boolean {
  return !/[\\/]|\.(?:gguf|onnx|safetensors)$/i.test(model);
}

function unknownModel(model: string, cause: EdgeVlmError): EdgeVlmError {
  const names = CATALOGUE.filter(({ kind }) => kind === 'vision-language').map(({ name }) => name);
  return new EdgeVlmError('MODEL_UNKNOWN', `there is no model ${JSON.stringify(model)}`, {
    cause,
    hint: `There are ${names.join(', ')}; or pass the path of a GGUF file or of a folder with a checkpoint.`,
  });
}
