import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type PromptSet, type PromptType, PROMPT_TYPES } from '../../bench/scenarios/ttft/ttft-scenario.js';
import { parsePrompts } from '../../bench/scenarios/ttft/parse-prompts.js';
import type { TtftSettings } from '../../bench/scenarios/ttft/ttft-settings.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Device, Quantization, RuntimeName } from '../../core/runtime.js';
import { openFile, readExactly } from '../../formats/open-file.js';
import { chooseRuntime } from '../../runtimes/choose-runtime.js';

/** Runtimes that take what `findModel` finds; the others take folders and names of the hub, too. */
const GGUF_RUNTIMES: readonly RuntimeName[] = ['engine', 'llama-cpp', 'llama-server'];
/** A prompt for each second of a day is some 10 MB. */
const MAX_PROMPTS_BYTES = 16 * 2 ** 20;

/** A comparison in full, whoever asked for it. */
export interface TtftRequest {
  readonly settings: TtftSettings;
  /** Default: as `resolveBaseline` chooses. */
  readonly baselineRuntime?: RuntimeName;
  readonly device: Device;
  readonly quantization: Quantization;
  readonly precision?: string;
  readonly threads?: number;
  readonly context?: number;
  readonly allowRemoteCode: boolean;
  readonly repetitions: number;
  readonly warmup: number;
  readonly reuse: boolean;
  readonly timeout_ms: number;
}

/** What a request does not say. */
export const TTFT_DEFAULTS = {
  device: 'cpu',
  quantization: 'none',
  allowRemoteCode: false,
  repetitions: 1,
  warmup: 1,
  reuse: false,
  timeout_ms: 300_000,
} as const satisfies Partial<TtftRequest>;

/** The baseline's model as its runtime takes it. */
export interface Baseline {
  readonly runtime: RuntimeName;
  readonly model: string;
  /** Why this runtime, where nobody asked for one. */
  readonly why: string | null;
}

/**
 * Finds the baseline's model and, where none was asked for, a runtime for it. A name that no file here has is one of the hub, and then
 * Python's: what it knows most of.
 * @throws FILE_NOT_FOUND; USAGE for a server; LOAD_ERROR where nothing here runs it
 */
export async function resolveBaseline({ settings, baselineRuntime }: TtftRequest, signal: AbortSignal): Promise<Baseline> {
  const { baselineModel } = settings;
  if (baselineRuntime === 'openai-http') {
    throw new EdgeVlmError('USAGE', 'the baseline cannot be a server', { hint: 'Servers are what the baseline is compared with.' });
  }
  if (baselineRuntime === 'null') return { runtime: baselineRuntime, model: baselineModel, why: null };
  const model = await findBaseline(baselineModel);
  if (baselineRuntime !== undefined) {
    if (model instanceof EdgeVlmError && GGUF_RUNTIMES.includes(baselineRuntime)) throw model;
    return { runtime: baselineRuntime, model: model instanceof EdgeVlmError ? baselineModel : model, why: null };
  }
  if (model instanceof EdgeVlmError) return { runtime: 'python', model: baselineModel, why: 'no file here has this name' };
  const { name: runtime, why } = await chooseRuntime({ model }, signal);
  return { runtime, model, why };
}

/** The path of a GGUF file or of a folder; the error where there is neither. */
async function findBaseline(name: string): Promise<string | EdgeVlmError> {
  try {
    return (await findModel({ model: name, vision: false })).model;
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (error.code !== 'FILE_NOT_FOUND') throw error;
    const isFolder = await stat(name).then(
      (found) => found.isDirectory(),
      () => false,
    );
    return isFolder ? name : error;
  }
}

/**
 * Reads both files of prompts: those that are named, else `data/short_prompts.txt` and `data/long_prompts.txt` here, else the ones that
 * EdgeVLM ships.
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function readPromptSets({ shortPromptsFile, longPromptsFile }: TtftSettings): Promise<PromptSet[]> {
  const named: Record<PromptType, string | null> = { short: shortPromptsFile, long: longPromptsFile };
  return Promise.all(
    PROMPT_TYPES.map(async (type) => {
      const usual = `data/${type}_prompts.txt`;
      const here = named[type] ?? usual;
      const shipped = fileURLToPath(new URL(`../../../${usual}`, import.meta.url));
      const isHere = named[type] !== null || (await stat(here).catch(() => undefined)) !== undefined;
      const bytes = await readPrompts(isHere ? here : shipped);
      return { type, source: isHere ? here : `${usual} of EdgeVLM`, prompts: parsePrompts(bytes, here) };
    }),
  );
}

async function readPrompts(file: string): Promise<Uint8Array> {
  const { handle, bytes } = await openFile(file);
  try {
    if (bytes > MAX_PROMPTS_BYTES)
      throw new EdgeVlmError('FILE_UNREADABLE', `${file} has over ${MAX_PROMPTS_BYTES} bytes: too many for prompts`);
    return await readExactly(handle, file, 0, bytes);
  } finally {
    await handle.close();
  }
}
