import type { Runtime, RuntimeName } from '../core/runtime.js';

/** Every runtime, loaded when it is asked for: what one needs is no burden to those who use another. */
export const RUNTIMES: Readonly<Record<RuntimeName, () => Promise<Runtime>>> = {
  engine: async () => (await import('./engine/engine-runtime.js')).engineRuntime,
  'llama-cpp': async () => (await import('./llama-cpp/llama-cpp-runtime.js')).llamaCppRuntime,
  'llama-server': async () => (await import('./llama-server/llama-server-runtime.js')).llamaServerRuntime,
  'openai-http': async () => (await import('./openai-http/openai-http-runtime.js')).openAiHttpRuntime,
  'transformers-js': async () => (await import('./transformers-js/transformers-js-runtime.js')).transformersJsRuntime,
  python: async () => (await import('./python/python-runtime.js')).pythonRuntime,
  null: async () => (await import('./null/null-runtime.js')).nullRuntime,
};
