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
  let pass: Pass = { draft: NO_DRAFT, rows: promptLogits, draft_ms: undefined, verifiedFrom: null };
  try {
    for (;;) {
      const { draft, rows, draft_ms, verifiedFrom } = pass;
      const start = target.length() - draft.tokens.length;
      const certain: number[] = [];
      let ended = false;
      let accepted = 0;
      for (let i = 0; i <= draft.tokens.length; i++) {
        const token = chooseToken(task, rows.subarray(i * vocabulary, (i + 1) * vocabulary), draft, i);
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
      if (verifiedFrom !== null) controller.recordCost(draft.tokens.length, draft_ms, performance.now() - verifiedFrom);
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
}

/** Drafts what the controller thinks worth it, and runs the target over it. */
async function nextRows(task: DecodingTask, drafter: Drafter, answer: readonly number[]): Promise<Pass> {
  const { target, maxTokens, controller, counters } = task;
  const length = target.length();
  const last = answer.at(-1) ?? 0;
  // The pass over a draft says one token more than there are guesses.
  const allowed = maxTokens - answer.length - 1;
  const count = Math.min(controller.choose({ unread: drafter.unread?.(answer) ?? 0, said: answer.length, allowed }), allowed);
  const start = performance.now();
  const draft = count > 0 ? await drafter.propose(answer, count) : NO_DRAFT;
  const drafted = performance.now();
  const run = async (guesses: Draft): Promise<Float32Array> => {
    const tokens = Int32Array.of(last, ...guesses.tokens);
    const verify = guesses.tokens.length > 0 ? drafter.verify?.(tokens) : undefined;
    const rows = await (verify ?? target.decode(tokens, 'all'));
    counters.passes++;
    counters.drafted += guesses.tokens.length;
    return rows;
  };
  try {
    const rows = await run(draft);
    const { read } = draft;
    if (read !== undefined) controller.recordRead(read.tokens, read.ms);
    return { draft, rows, draft_ms: read === undefined ? drafted - start : undefined, verifiedFrom: drafted };
  } catch (thrown) {
    // One token may still fit where a draft does not.
    if (draft.tokens.length === 0 || !(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL')) throw thrown;
    target.truncate(length);
    return { draft: NO_DRAFT, rows: await run(NO_DRAFT), draft_ms: undefined, verifiedFrom: null };
  }
}
