import { EdgeVlmError } from '../../core/errors.js';
import type { GenerateEvent, GenerateRequest, Generator } from '../../core/generator.js';
import { NO_PROGRESS, ProgressTask } from '../../core/progress.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeCheck, RuntimeSpec } from '../../core/runtime.js';
import { describePrecision } from '../../formats/gguf/describe-precision.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { openAiHttpRuntime } from '../openai-http/openai-http-runtime.js';
import { openServer } from '../openai-http/open-server.js';
import { findLlamaServer, INSTALL_LLAMA_SERVER, llamaServerVersion } from './find-llama-server.js';
import { LlamaServerProcess } from './llama-server-process.js';

/** A model is given this long to load, and as long as its bytes take on a slow memory card: some 5 MB/s. */
const LOAD_MS = 120_000;
const BYTES_PER_MS = 5000;
/** Where nothing else is asked for; as the engine's. */
const DEFAULT_CONTEXT = 4096;
/** Of the layers: all of them. */
const ALL_LAYERS = '999';

/** llama.cpp's server: one that is started here and ended with us, or with `url` one that runs already. */
export const llamaServerRuntime: Runtime = {
  name: 'llama-server',
  description: "llama.cpp's server, started here: every GGUF model it knows, pictures included",
  tellsLogits: false,
  check,
  open: (spec, options = {}) => (spec.url === undefined ? openManaged(spec, options) : openAiHttpRuntime.open(spec, options)),
};

async function check(signal?: AbortSignal): Promise<RuntimeCheck> {
  try {
    const program = await findLlamaServer();
    return { available: true, version: await llamaServerVersion(program, signal), detail: program, install: null };
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (error.code === 'CANCELLED') throw error;
    return { available: false, version: null, detail: error.message, install: INSTALL_LLAMA_SERVER };
  }
}

async function openManaged(spec: RuntimeSpec, { signal, onProgress = NO_PROGRESS }: OpenOptions): Promise<OpenRuntime> {
  const start = performance.now();
  const program = await findLlamaServer(spec.llamaServer);
  // Whole and checked, before somebody else's parser sees it.
  const file = await readGguf(spec.model);
  const mmproj = spec.mmproj === undefined ? undefined : await readGguf(spec.mmproj);
  const trained = file.metadata.count(`${file.metadata.string('general.architecture')}.context_length`, DEFAULT_CONTEXT);
  const context = Math.min(spec.context ?? DEFAULT_CONTEXT, trained);
  const load_ms = LOAD_MS + (file.fileBytes + (mmproj?.fileBytes ?? 0)) / BYTES_PER_MS;
  const progress = new ProgressTask(onProgress, { label: 'load model', unit: 'files', total: null });
  try {
    const server = await LlamaServerProcess.start({ program, args: serverArguments(spec, context), load_ms, signal });
    try {
      const generator = await openServer(server.access, { apiModel: null }, signal);
      const took_ms = performance.now() - start;
      const precision = describePrecision(file);
      const architecture = file.metadata.string('general.architecture');
      const name = file.metadata.string('general.name', 'unnamed');
      const description = { ...generator.description, name, architecture, precision, contextLength: context, load_ms: took_ms };
      return {
        generator: new ManagedGenerator({ ...description, warnings: [] }, generator, server),
        effectivePrecision: precision,
        load_ms: took_ms,
        pids: () => server.pids,
        close: () => server.stop(),
      };
    } catch (thrown) {
      await server.stop();
      throw server.failure ?? thrown;
    }
  } finally {
    progress.end();
  }
}

/** One answer at a time, as the other runtimes are measured. */
function serverArguments({ model, mmproj, device, threads }: RuntimeSpec, context: number): string[] {
  return [
    ...['-m', model],
    ...(mmproj === undefined ? [] : ['--mmproj', mmproj]),
    ...['-c', String(context), '-np', '1', '--no-webui'],
    ...(threads === undefined ? [] : ['-t', String(threads)]),
    ...(device === 'cpu' ? ['--device', 'none', ...(mmproj === undefined ? [] : ['--no-mmproj-offload'])] : ['-ngl', ALL_LAYERS]),
  ];
}

/** Tells why a server that is gone does not answer. */
class ManagedGenerator implements Generator {
  constructor(
    readonly description: Generator['description'],
    private readonly generator: Generator,
    private readonly server: LlamaServerProcess,
  ) {}

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    try {
      yield* this.generator.generate(request, signal);
    } catch (thrown) {
      if (!(thrown instanceof EdgeVlmError && thrown.code === 'SERVER_AWAY')) throw thrown;
      throw (await this.server.failureSoon()) ?? thrown;
    }
  }

  close(): Promise<void> {
    return this.server.stop();
  }
}
