import type { ModelDescription } from '../../../src/core/generator.js';
import { EdgeVlmError } from '../../../src/core/errors.js';
import { limitMemory } from '../../../src/engine/ffi/limit-memory.js';
import { serve } from '../../../src/host/child.js';
import type { EngineLoadOptions } from '../../../src/runtimes/engine/engine-protocol.js';
import type { PreparedRequest } from '../../../src/runtimes/prompt/prepared-request.js';
import { TextEngine } from '../../../src/runtimes/engine/text-engine.js';

/** The engine's process, but for one model after another; shared with the runner. */
export interface HostileEngineProtocol {
  load: { request: EngineLoadOptions; event: never; result: ModelDescription };
  /** Tokens of an answer. */
  generate: { request: PreparedRequest; event: never; result: number[] };
  /** Bytes of memory held once the model is gone. */
  unload: { request: null; event: never; result: number };
}

let engine: TextEngine | undefined;

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<HostileEngineProtocol>(
  {
    async *load(options, signal) {
      engine = await TextEngine.load({ ...options, onPlannedBytes: limitMemory, signal });
      return engine.description;
    },
    async *generate(request, signal) {
      if (engine === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      const tokens: number[] = [];
      for await (const event of engine.generate(request, signal)) if (event.type === 'token') tokens.push(event.token);
      return tokens;
    },
    async *unload() {
      engine?.[Symbol.dispose]();
      engine = undefined;
      return process.memoryUsage.rss();
    },
  },
  () => {
    engine?.[Symbol.dispose]();
  },
);
