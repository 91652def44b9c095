import { EdgeVlmError } from '../../core/errors.js';
import type { DecodingTask } from './decoding-strategy.js';
import { NO_DRAFT, type Draft, type Drafter } from './drafter.js';
import { rejectionSample } from './rejection-sample.js';

/**
 * The loop of speculative decoding: a draft, one pass of the target over it, and of every row the token that it says. A guess stays
 * while it is that token; the first one that is not has already told the right one (Leviathan et al. 2023, llama.cpp's
 * `common_sampler_sample_and_accept_n`).
 */
export async function* draftAndVerify(task: DecodingTask, drafter: Drafter): AsyncGenerator<number, 'stop' | 'length'> {
  const { target, promptLogits, sampler, maxTokens, isEnd, controller, counters } = task;
  const vocabulary = promptLogits.length;
  const answer: number[] = [];
  let pass: Pass = { draft: NO_DRAFT, rows: promptLogits, draft_ms: undefined, verifiedFrom: null, built: false };
  try {
    for (;;) {
      const { draft, rows, draft_ms, verifiedFrom, built } = pass;
      const start = target.length() - draft.tokens.length;
      const certain: number[] = [];
      let ended = false;
      let accepted = 0;
      for (let i = 0; i <= draft.tokens.length; i++) {
        const row = draft.tokens.length === 0 ? rows : rows.subarray(i * vocabulary, (i + 1) * vocabulary);
        const token = chooseToken(task, row, draft, i);
        ended = isEnd(token);
        if (ended) break;
        sampler.accept(token);
        certain.push(token);
        if (token !== draft.tokens[i]) break;
        accepted++;
      }
      // Before anything is given out: the reader may leave at any token.
      if (accepted < draft.tokens.length) target.truncate(start + accepted);
      const judged = Math.min(accepted + 1, draft.tokens.length);
      counters.judged += judged;
      counters.accepted += accepted;
      controller.recordAccepted(judged, accepted);
      // To choose between rows and to take some back is part of what guesses cost.
      if (verifiedFrom !== null) controller.recordCost(draft.tokens.length, draft_ms, performance.now() - verifiedFrom, built);
      for (const token of certain) {
        answer.push(token);
        yield token;
      }
      if (ended) return 'stop';
      if (answer.length >= maxTokens) return 'length';
      pass = await nextRows(task, drafter, answer);
    }
  } finally {
    controller.recordAnswer(answer.length);
  }
}

function chooseToken({ sampler, rejection }: DecodingTask, logits: Float32Array, draft: Draft, index: number): number {
  if (rejection === null || sampler.probabilities === undefined) return sampler.sample(logits);
  const guess = draft.tokens[index];
  const drawnFrom = draft.probabilities?.[index];
  return rejectionSample(sampler.probabilities(logits), guess === undefined ? null : { token: guess, drawnFrom }, rejection.random);
}

/** A draft and what the target says to it. */
interface Pass {
  readonly draft: Draft;
  /** [guesses + 1 · vocabulary]. */
  readonly rows: Float32Array;
  /** undefined where the guesser had to read first. */
  readonly draft_ms: number | undefined;
  /** When the target began, `performance.now()`; null where what it took says nothing about drafts of this length. */
  readonly verifiedFrom: number | null;
  /** Whether a graph had to be built. */
  readonly built: boolean;
}

/** Drafts what the controller thinks worth it, and runs the target over it. */
async function nextRows(task: DecodingTask, drafter: Drafter, answer: readonly number[]): Promise<Pass> {
  const { target, maxTokens, controller, counters } = task;
  const length = target.length();
  const last = answer.at(-1) ?? 0;
  // The pass over a draft says one token more than there are guesses.
  const allowed = maxTokens - answer.length - 1;
  const count = Math.min(controller.choose({ unread: drafter.unread?.(answer) ?? 0, said: answer.length, allowed }), allowed);
  const graphs = task.graphsBuilt?.();
  const start = performance.now();
  if (count === 0) {
    const rows = await target.decode(Int32Array.of(last), 'all');
    counters.passes++;
    return { draft: NO_DRAFT, rows, draft_ms: 0, verifiedFrom: start, built: task.graphsBuilt?.() !== graphs };
  }
  const draft = await drafter.propose(answer, count);
  const drafted = performance.now();
  const run = async (guesses: Draft): Promise<Float32Array> => {
    const tokens = Int32Array.of(last, ...guesses.tokens);
    const rows = await (drafter.verify?.(tokens) ?? target.decode(tokens, 'all'));
    counters.passes++;
    counters.drafted += guesses.tokens.length;
    return rows;
  };
  try {
    const rows = await run(draft);
    const { read } = draft;
    if (read !== undefined) controller.recordRead(read.tokens, read.ms);
    const built = task.graphsBuilt?.() !== graphs;
    return { draft, rows, draft_ms: read === undefined ? drafted - start : undefined, verifiedFrom: drafted, built };
  } catch (thrown) {
    // One token may still fit where a draft does not.
    if (draft.tokens.length === 0 || !(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL')) throw thrown;
    target.truncate(length);
    return { draft: NO_DRAFT, rows: await run(NO_DRAFT), draft_ms: undefined, verifiedFrom: null, built: false };
  }
}
