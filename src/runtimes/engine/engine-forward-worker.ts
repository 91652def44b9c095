import { EdgeVlmError } from '../../core/errors.js';
import { Engine } from '../../engine/engine.js';
import { argmax } from '../../engine/sampling/greedy-sampler.js';
import { serve } from '../../host/child.js';
import { pseudoRandomTokens } from '../pseudo-random-tokens.js';
import type { EngineForwardProtocol } from './engine-forward-protocol.js';

const SEQUENCE = 0;
let engine: Engine | undefined;

function loaded(): Engine {
  if (engine === undefined) throw new EdgeVlmError('INTERNAL', 'no model is open');
  return engine;
}

/* eslint-disable require-yield -- these requests have a result and no events */
await serve<EngineForwardProtocol>(
  {
    async *open(options) {
      engine = await Engine.load(options);
      const { load_ms, device = null } = engine.description;
      return { load_ms, device };
    },
    async *prefill({ tokens }) {
      const { runner, shape } = loaded();
      runner.truncate(SEQUENCE, 0);
      if (tokens === 0) return 0;
      const start = performance.now();
      await runner.decode([{ sequence: SEQUENCE, tokens: pseudoRandomTokens(tokens, shape.vocabulary), logits: 'last' }]);
      return performance.now() - start;
    },
    // Greedy: the sampler is part of the step, as it is of a real generation.
    async *decode({ tokens }) {
      const { runner } = loaded();
      const length = runner.cache.length(SEQUENCE);
      const step_ms: number[] = [];
      const host_ms: number[] = [];
      let token = 1;
      for (let i = 0; i < tokens; i++) {
        const computed = runner.compute_ms;
        const start = performance.now();
        const [logits = new Float32Array()] = await runner.decode([{ sequence: SEQUENCE, tokens: Int32Array.of(token), logits: 'last' }]);
        token = argmax(logits);
        const step = performance.now() - start;
        step_ms.push(step);
        host_ms.push(step - (runner.compute_ms - computed));
      }
      runner.truncate(SEQUENCE, length);
      return { step_ms, host_ms };
    },
    async *logits({ tokens }) {
      const { runner, shape } = loaded();
      const rows: Float32Array[] = [];
      runner.truncate(SEQUENCE, 0);
      for (const token of pseudoRandomTokens(tokens, shape.vocabulary, 3)) {
        const [row] = await runner.decode([{ sequence: SEQUENCE, tokens: Int32Array.of(token), logits: 'last' }]);
        if (row !== undefined) rows.push(row.slice());
      }
      runner.truncate(SEQUENCE, 0);
      return rows;
    },
    async *batch({ tokens }) {
      const { runner, shape } = loaded();
      const length = runner.cache.length(SEQUENCE);
      const start = performance.now();
      await runner.decode([{ sequence: SEQUENCE, tokens: pseudoRandomTokens(tokens, shape.vocabulary, 2), logits: 'all' }]);
      const elapsed = performance.now() - start;
      runner.truncate(SEQUENCE, length);
      return elapsed;
    },
    async *encode() {
      const { encoder } = loaded();
      if (encoder === null) throw new EdgeVlmError('MMPROJ_MISSING', 'no vision half is open');
      const { imageSize } = encoder.family.tower.shape;
      const rgb = Uint8Array.from(pseudoRandomTokens(3 * imageSize ** 2, 256));
      const start = performance.now();
      await encoder.encode({ width: imageSize, height: imageSize, rgb });
      return performance.now() - start;
    },
  },
  () => {
    engine?.[Symbol.dispose]();
  },
);
