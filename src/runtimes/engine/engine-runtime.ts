import { NO_PROGRESS } from '../../core/progress.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeSpec } from '../../core/runtime.js';
import { checkEngine } from './check-engine.js';
import { EngineGenerator } from './engine-generator.js';

/** EdgeVLM's own engine: ggml graphs built here, in a process of their own. */
export const engineRuntime: Runtime = {
  name: 'engine',
  description: "EdgeVLM's own engine on ggml: GGUF models it knows the architecture of, pictures included",
  tellsLogits: true,
  check: checkEngine,
  open,
};

async function open(spec: RuntimeSpec, { signal, onProgress = NO_PROGRESS }: OpenOptions = {}): Promise<OpenRuntime> {
  const { model, mmproj, device, threads, context } = spec;
  const work = { label: 'load model', unit: 'bytes' } as const;
  onProgress({ type: 'start', ...work, total: null });
  try {
    const generator = await EngineGenerator.start(
      {
        model,
        device,
        ...(mmproj !== undefined && { mmproj }),
        ...(threads !== undefined && { threads }),
        ...(context !== undefined && { context }),
      },
      {
        ...(signal && { signal }),
        onLoadBytes: (done, total) => {
          onProgress({ type: 'advance', ...work, done, total });
        },
      },
    );
    const { precision, load_ms } = generator.description;
    return {
      generator,
      effectivePrecision: precision,
      load_ms,
      pids: () => (generator.pid === undefined ? [] : [generator.pid]),
      score: (request, aborted) => generator.score(request, aborted),
      close: () => generator.close(),
    };
  } finally {
    onProgress({ type: 'end', ...work, done: 0 });
  }
}
