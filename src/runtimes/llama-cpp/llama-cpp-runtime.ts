import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask } from '../../core/progress.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeSpec } from '../../core/runtime.js';
import { checkNative } from '../../engine/ffi/check-native.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { openChildModel } from '../worker/open-child-model.js';
import type { LlamaCppLoadRequest } from './llama-cpp-model.js';

/** libllama's own forward pass, in a process of its own. Its packages hold no libmtmd, so it reads text only. */
export const llamaCppRuntime: Runtime = {
  name: 'llama-cpp',
  description: "llama.cpp's own forward pass, in this package: GGUF models, text only",
  tellsLogits: true,
  check: () => {
    const found = checkNative();
    return Promise.resolve(
      found.available ? { ...found, detail: `${found.detail}; reads text only: llama-server stands in for pictures` } : found,
    );
  },
  open,
};

async function open(spec: RuntimeSpec, { signal, onProgress = NO_PROGRESS }: OpenOptions = {}): Promise<OpenRuntime> {
  if (spec.device !== 'cpu') throw new EdgeVlmError('DEVICE_UNAVAILABLE', `this runtime computes on cpu, not on ${spec.device}`);
  const request: LlamaCppLoadRequest = { model: spec.model, threads: spec.threads ?? null, context: spec.context ?? null };
  const progress = new ProgressTask(onProgress, { label: 'load model', unit: 'files', total: 1 });
  try {
    return await openChildModel(siblingEntry('./llama-cpp-worker', import.meta.url), request, {
      name: 'the process of libllama',
      // Without this ggml would start a debugger to print its own backtrace.
      env: { GGML_NO_BACKTRACE: '1' },
      signal,
    });
  } finally {
    progress.end();
  }
}
