import { LibllamaModel } from '../../../src/engine/libllama/libllama-model.js';
import { argmax } from '../../../src/engine/sampling/greedy-sampler.js';

/** Of logits of about ±8. The kernels are the same and so are the numbers, unless libllama splits its work in another way. */
export const LIBLLAMA_TOLERANCE = 1e-3;

/** libllama's greedy tokens, one and then `steps` more, and the logits they were chosen by. */
export async function libllamaGreedy(
  model: string,
  prompt: readonly number[],
  steps: number,
  context: number,
): Promise<{ tokens: number[]; rows: Float32Array[] }> {
  using peer = new LibllamaModel({ model, threads: 1, context, flashAttention: true });
  const tokens: number[] = [];
  const rows: Float32Array[] = [];
  for (let next = Int32Array.from(prompt); rows.length <= steps; next = Int32Array.of(tokens.at(-1) ?? NaN)) {
    await peer.append(next);
    rows.push(peer.logits());
    tokens.push(argmax(rows.at(-1) ?? new Float32Array()));
  }
  return { tokens, rows };
}
