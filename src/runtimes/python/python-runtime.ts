import { basename, dirname } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask } from '../../core/progress.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeCheck, RuntimeSpec } from '../../core/runtime.js';
import { findCheckpoint, type Checkpoint } from '../worker/find-checkpoint.js';
import { WorkerGenerator } from '../worker/worker-generator.js';
import { findInterpreter, INSTALL_PYTHON, pythonCommand, readVersions, requirePackages } from './python-environment.js';
import { PythonProcess } from './python-process.js';

/** Hugging Face Transformers in PyTorch, in a Python process: what most models are published for, and what others are compared with. */
export const pythonRuntime: Runtime = {
  name: 'python',
  description: 'Hugging Face Transformers in PyTorch, in a Python process',
  tellsLogits: true,
  check,
  open,
};

async function check(signal?: AbortSignal): Promise<RuntimeCheck> {
  try {
    const interpreter = await findInterpreter();
    const versions = await readVersions(interpreter, signal);
    requirePackages(versions);
    const { python, torch, transformers, bitsandbytes } = versions;
    const detail = `Python ${python}, PyTorch ${torch}, bitsandbytes ${bitsandbytes ?? 'missing (no int8, int4)'}`;
    return { available: true, version: transformers, detail, install: null };
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (error.code === 'CANCELLED') throw error;
    return { available: false, version: null, detail: error.message, install: INSTALL_PYTHON };
  }
}

async function open(spec: RuntimeSpec, { signal, onProgress = NO_PROGRESS }: OpenOptions = {}): Promise<OpenRuntime> {
  if (spec.device !== 'cpu' && spec.device !== 'cuda')
    throw new EdgeVlmError('DEVICE_UNAVAILABLE', `this runtime computes on cpu or cuda, not on ${spec.device}`);
  const checkpoint = await findCheckpoint(spec.model, 'hf');
  const interpreter = await findInterpreter();
  requirePackages(await readVersions(interpreter, signal));
  const progress = new ProgressTask(onProgress, { label: 'load model', unit: 'files', total: null });
  try {
    const python = await PythonProcess.start(pythonCommand(interpreter, 'serve', spec.threads), signal === undefined ? {} : { signal });
    try {
      return await load(python, spec, checkpoint, signal);
    } catch (thrown) {
      await python.close();
      throw thrown;
    }
  } finally {
    progress.end();
  }
}

async function load(python: PythonProcess, spec: RuntimeSpec, checkpoint: Checkpoint, signal?: AbortSignal): Promise<OpenRuntime> {
  const loaded = await python.load(
    {
      model: 'hub' in checkpoint ? checkpoint.hub : checkpoint.folder,
      device: spec.device,
      precision: spec.precision ?? precisionOf(spec),
      threads: spec.threads ?? null,
      context: spec.context ?? null,
      allow_remote_code: spec.allowRemoteCode ?? false,
      revision: 'hub' in checkpoint ? (spec.revision ?? null) : null,
    },
    signal,
  );
  const { architecture, parameters, precision, load_ms, warnings } = loaded;
  const generator = new WorkerGenerator(
    {
      name: nameOf(checkpoint),
      architecture,
      precision,
      parameters,
      contextLength: loaded.context_length,
      vocabularySize: loaded.vocabulary_size,
      vision: null,
      weightBytes: loaded.weight_bytes,
      cacheBytes: null,
      load_ms,
      warnings,
    },
    python,
  );
  return {
    generator,
    effectivePrecision: precision,
    load_ms,
    import_ms: python.import_ms + loaded.import_ms,
    score: (task, aborted) => generator.score(task, aborted),
    pids: () => (python.pid === undefined ? [] : [python.pid]),
    close: () => python.close(),
  };
}

/** The folder's name; where that is only its kind, the one above it too. */
function nameOf(checkpoint: Checkpoint): string {
  if ('hub' in checkpoint) return checkpoint.hub;
  const name = basename(checkpoint.folder);
  return name === 'hf' ? basename(dirname(checkpoint.folder)) : name;
}

function precisionOf({ quantization, device }: RuntimeSpec): string {
  switch (quantization) {
    case 'none':
      return device === 'cuda' ? 'fp16' : 'fp32';
    case 'int8':
    case 'int4':
      return quantization;
    default:
      return quantization satisfies never;
  }
}
