import type { ExitGate } from '../../../core/decoding.js';
import type { LayerOutput, LayerWants } from '../../layer-runner.js';

/** What a gate looks at. */
export const GATE_WANTS: Record<ExitGate, LayerWants> = {
  softmax_max: { logits: true },
  softmax_diff: { logits: true },
  state: { before: true },
};

/** How sure a token is at an exit, 0 to 1 (−1 to 1 for `state`). */
export function exitConfidence(gate: ExitGate, { logits, hidden, before }: LayerOutput): number {
  switch (gate) {
    case 'softmax_max':
      return topProbabilities(logits)[0];
    case 'softmax_diff': {
      const [first, second] = topProbabilities(logits);
      return first - second;
    }
    case 'state':
      return cosine(hidden, before);
    default:
      return gate satisfies never;
  }
}

/** The two largest of a softmax. */
function topProbabilities(logits: Float32Array): [number, number] {
  let [first, second] = [-Infinity, -Infinity];
  for (const logit of logits) {
    if (logit > first) [first, second] = [logit, first];
    else if (logit > second) second = logit;
  }
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - first);
  return [1 / sum, Math.exp(second - first) / sum];
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  // Rounding must not make two equal states surer than 1.
  return aa > 0 && bb > 0 ? Math.min(1, dot / Math.sqrt(aa * bb)) : 0;
}
