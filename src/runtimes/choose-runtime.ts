import { EdgeVlmError } from '../core/errors.js';
import type { RuntimeName, RuntimeSpec } from '../core/runtime.js';
import { findCheckpoint, type CheckpointKind } from './worker/find-checkpoint.js';
import { RUNTIMES } from './registry.js';

export interface RuntimeChoice {
  readonly name: RuntimeName;
  /** For people, without a full stop. */
  readonly why: string;
}

type ModelFiles = Pick<RuntimeSpec, 'model' | 'mmproj' | 'llamaServer'>;

/** In order of preference, and why each cannot take a model whatever this machine has installed; null when nothing speaks against it. */
const ORDER: readonly { readonly name: RuntimeName; readonly refuses: (files: ModelFiles) => Promise<string | null> }[] = [
  { name: 'engine', refuses: async (files) => (await import('./engine/engine-refuses.js')).engineRefuses(files) },
  { name: 'llama-server', refuses: ({ model }) => Promise.resolve(/\.gguf$/i.test(model) ? null : `${model} is not a GGUF file`) },
  { name: 'transformers-js', refuses: ({ model }) => withoutCheckpoint(model, 'onnx') },
  { name: 'python', refuses: ({ model }) => withoutCheckpoint(model, 'hf') },
];

/**
 * The runtime for a model when the user names none: the engine where it knows the architecture, else whatever else this machine has.
 * @throws LOAD_ERROR with what speaks against each; CANCELLED
 */
export async function chooseRuntime(files: ModelFiles, signal?: AbortSignal): Promise<RuntimeChoice> {
  const against: string[] = [];
  for (const { name, refuses } of ORDER) {
    const reason = (await refuses(files)) ?? (await missing(name, signal));
    if (reason === null) return { name, why: against.length === 0 ? 'it knows this architecture' : against.join('; ') };
    against.push(`${name}: ${reason}`);
  }
  throw new EdgeVlmError('LOAD_ERROR', `no runtime here takes ${files.model}: ${against.join('; ')}`);
}

/** What this machine lacks for a runtime; null when it has all. */
async function missing(name: RuntimeName, signal: AbortSignal | undefined): Promise<string | null> {
  const { available, detail } = await (await RUNTIMES[name]()).check(signal);
  return available ? null : detail;
}

async function withoutCheckpoint(model: string, kind: CheckpointKind): Promise<string | null> {
  try {
    await findCheckpoint(model, kind);
    return null;
  } catch (thrown) {
    return EdgeVlmError.from(thrown).message;
  }
}
