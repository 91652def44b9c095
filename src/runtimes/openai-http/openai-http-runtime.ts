import { EdgeVlmError } from '../../core/errors.js';
import type { OpenOptions, OpenRuntime, Runtime, RuntimeSpec } from '../../core/runtime.js';
import { parseServerUrl } from './parse-server-url.js';
import { openServer } from './open-server.js';

/** Ten minutes without a byte: a long prompt on a slow machine. */
const SILENCE_MS = 600_000;

/** Any server that speaks OpenAI's completions and chat completions, streaming. */
export const openAiHttpRuntime: Runtime = {
  name: 'openai-http',
  description: 'any server with an OpenAI-compatible API: llama-server, vLLM, Ollama, LM Studio, …',
  tellsLogits: false,
  check: () =>
    Promise.resolve({ available: true, version: null, detail: 'nothing to install: say which server with --url', install: null }),
  open,
};

async function open(spec: RuntimeSpec, { signal }: OpenOptions = {}): Promise<OpenRuntime> {
  if (spec.url === undefined) throw new EdgeVlmError('USAGE', 'this runtime needs the address of a server: --url http://host:8080/v1');
  const apiKey = process.env['EDGEVLM_API_KEY'];
  const access = { base: parseServerUrl(spec.url), apiKey: apiKey === '' ? undefined : apiKey, silence_ms: SILENCE_MS };
  const generator = await openServer(access, spec, signal);
  return {
    generator,
    effectivePrecision: generator.description.precision,
    load_ms: generator.description.load_ms,
    pids: () => [],
    close: () => generator.close(),
  };
}
