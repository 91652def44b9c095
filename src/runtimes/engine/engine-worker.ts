import { EdgeVlmError } from '../../core/errors.js';
import { limitMemory } from '../../engine/ffi/limit-memory.js';
import { serve } from '../../host/child.js';
import type { EngineProtocol } from './engine-protocol.js';
import { TextEngine } from './text-engine.js';

/** The engine's process. A native crash ends it and nothing else. */
let engine: TextEngine | undefined;

await serve<EngineProtocol>(
  {
    async *load(options, signal) {
      if (engine !== undefined) throw new EdgeVlmError('INTERNAL', 'this process already holds a model');
      const queue: { done: number; total: number }[] = [];
      const loading = TextEngine.load({
        ...options,
        signal,
        onPlannedBytes: limitMemory,
        onLoadBytes: (done, total) => {
          queue.push({ done, total });
        },
      });
      for (let settled = false; !settled;) {
        settled = await Promise.race([
          loading.then(
            () => true,
            () => true,
          ),
          new Promise<false>((resolve) => setTimeout(resolve, 100, false)),
        ]);
        const newest = queue.splice(0).at(-1);
        if (newest !== undefined) yield newest;
      }
      engine = await loading;
      return engine.description;
    },
    async *generate(request, signal) {
      if (engine === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      for await (const event of engine.generate(request, signal)) {
        if (event.type === 'done') return event.result;
        yield event;
      }
      throw new EdgeVlmError('INTERNAL', 'the engine ended without a result');
    },
    // eslint-disable-next-line require-yield -- scoring has a result and no events
    async *score(request, signal) {
      if (engine === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      return engine.score(request, signal);
    },
  },
  () => {
    engine?.[Symbol.dispose]();
  },
);
