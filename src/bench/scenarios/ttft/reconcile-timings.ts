import type { Verdict } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';
import type { TtftMeasurement } from './measure-ttft.js';

/** How much longer than the client the server may say it worked, milliseconds and share: the two clocks do not tick in step. */
const TOLERANCE_MS = 1;
const TOLERANCE_SHARE = 0.01;

/**
 * What of the TTFT the server does not account for: the way there and back, waiting for a free slot, the tokeniser. It is the client's TTFT −
 * the server's `prompt_ms`, which llama-server counts from the start of the prompt to the first token. Null where the server told nothing.
 */
export function networkAndQueue_ms({ ttft_ms, serverPrompt_ms }: TtftMeasurement): number | null {
  return serverPrompt_ms === null ? null : ttft_ms - serverPrompt_ms;
}

/** Whether what the server says fits into what the client saw. A server cannot work on a prompt for longer than the client waits. */
export function reconcileTimings(runner: string, measured: readonly TtftMeasurement[]): Verdict {
  const name = `timings:${runner}`;
  const told = measured.filter(({ serverPrompt_ms }) => serverPrompt_ms !== null);
  if (told.length === 0) return { name, outcome: 'inconclusive', detail: 'the server tells no timings, so network and queue are unknown' };
  const wrong = told.filter(contradicts);
  if (wrong.length > 0) {
    const excess = Math.max(...wrong.map((one) => -(networkAndQueue_ms(one) ?? 0)));
    const most = excess > 0 ? `; prompts took up to ${excess.toFixed(1)} ms longer for the server than the client waited for text` : '';
    return {
      name,
      outcome: 'fail',
      detail: `the server claims more time than passed, in ${wrong.length} of ${told.length} answers${most}`,
    };
  }
  const gaps = told.map((one) => networkAndQueue_ms(one) ?? 0);
  const shares = told.map((one, index) => (100 * (gaps[index] ?? 0)) / one.ttft_ms);
  const detail = `network and queue: median ${median(gaps).toFixed(2)} ms, ${median(shares).toFixed(1)}% of TTFT, in ${told.length} answers`;
  return { name, outcome: 'pass', detail };
}

function contradicts({ ttft_ms, total_ms, serverPrompt_ms, serverPredicted_ms }: TtftMeasurement): boolean {
  const exceeds = (theirs: number, ours: number): boolean => theirs > ours * (1 + TOLERANCE_SHARE) + TOLERANCE_MS;
  const prompt = serverPrompt_ms ?? 0;
  return exceeds(prompt, ttft_ms) || exceeds(prompt + (serverPredicted_ms ?? 0), total_ms);
}
