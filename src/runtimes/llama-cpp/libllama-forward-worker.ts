import { EdgeVlmError } from '../../core/errors.js';
import { LibllamaModel } from '../../engine/libllama/libllama-model.js';
import { serve } from '../../host/child.js';
import type { ForwardProtocol } from '../forward-protocol.js';
import { pseudoRandomTokens } from '../pseudo-random-tokens.js';

let model: LibllamaModel | undefined;
let length = 0;

function loaded(): LibllamaModel {
  if (model === undefined) throw new EdgeVlmError('INTERNAL', 'no model is open');
  return model;
}

/* eslint-disable require-yield, @typescript-eslint/require-await -- these requests have a result and no events */
await serve<ForwardProtocol>(
  {
    async *open(options) {
      const start = performance.now();
      model = new LibllamaModel(options);
      return { load_ms: performance.now() - start };
    },
    async *prefill({ tokens }) {
      const peer = loaded();
      peer.truncate(0);
      length = tokens;
      if (tokens === 0) return 0;
      const ids = pseudoRandomTokens(tokens, peer.vocabulary);
      const start = performance.now();
      await peer.append(ids);
      return performance.now() - start;
    },
    async *logits({ tokens }) {
      const peer = loaded();
      const rows: Float32Array[] = [];
      peer.truncate(0);
      for (const token of pseudoRandomTokens(tokens, peer.vocabulary, 3)) {
        await peer.append(Int32Array.of(token));
        rows.push(peer.logits());
      }
      peer.truncate(0);
      length = 0;
      return rows;
    },
    // As llama-bench does it: no sampling, no reading of logits. The peer is not charged for our binding.
    async *decode({ tokens }) {
      const peer = loaded();
      const step_ms: number[] = [];
      for (const token of pseudoRandomTokens(tokens, peer.vocabulary, 2)) {
        const start = performance.now();
        await peer.append(Int32Array.of(token));
        step_ms.push(performance.now() - start);
      }
      peer.truncate(length);
      return { step_ms, host_ms: null };
    },
  },
  () => {
    model?.[Symbol.dispose]();
  },
);
