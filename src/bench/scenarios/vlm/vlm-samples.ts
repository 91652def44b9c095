import { createHmac } from 'node:crypto';
import { ANSWER_FINGERPRINT } from '../../../core/record-parts.js';
import type { Samples } from '../../../core/run-record.js';
import { VLM_STAGES, type MeasuredPicture } from './measure-picture.js';
import type { VlmScenarioResult } from './vlm-scenario.js';

/**
 * Raw samples of a run: items are the pictures that were answered, in the order of the folder.
 * @param answerKey of this machine: what is the same text has the same fingerprint, and without the key nobody can guess the text from it
 */
export function vlmSamples(result: VlmScenarioResult, answerKey: Uint8Array): Samples[] {
  const pictures = answeredPictures(result);
  const items = (name: string, unit: string, of: (picture: MeasuredPicture) => number | null): Samples => ({
    name,
    unit,
    values: pictures.flatMap((picture) => of(picture) ?? []),
    over: 'items',
  });
  const { load_ms, modelLoad_ms, import_ms, deviceMemory_bytes, warmup_ms, wall_ms } = result;
  const tokens = pictures.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  const lists: Samples[] = [
    { name: 'load_ms', unit: 'ms', values: [load_ms] },
    { name: 'model_load_ms', unit: 'ms', values: [modelLoad_ms] },
    { name: 'import_ms', unit: 'ms', values: import_ms === null ? [] : [import_ms] },
    { name: 'device_memory', unit: 'bytes', values: deviceMemory_bytes === null ? [] : [deviceMemory_bytes] },
    { ...items('latency_ms', 'ms', ({ latency_ms }) => latency_ms), ...(warmup_ms.length > 0 && { warmup: [...warmup_ms] }) },
    items('ttft_ms', 'ms', ({ ttft_ms }) => ttft_ms),
    items('tpot_ms', 'ms/token', timePerToken),
    items('tokens_per_second', 'tok/s', tokensPerSecond),
    items('prefill_rate', 'tok/s', prefillRate),
    { name: 'pictures_per_second', unit: 'pictures/s', values: [(1000 * pictures.length) / wall_ms] },
    { name: 'throughput', unit: 'tok/s', values: [(1000 * tokens) / wall_ms] },
    items('picture_index', 'index', ({ index }) => index),
    items(ANSWER_FINGERPRINT, 'HMAC, 48 bits', ({ answer }) => fingerprint(answer, answerKey)),
    items('prompt_tokens', 'tokens', ({ promptTokens }) => promptTokens),
    items('image_tokens', 'tokens', ({ imageTokens }) => imageTokens),
    items('completion_tokens', 'tokens', ({ completionTokens }) => completionTokens),
    ...VLM_STAGES.map((stage) => items(`stage.${stage}_ms`, 'ms', ({ stages }) => stages[stage])),
  ];
  return lists.filter(({ values }) => values.length > 0);
}

/** Those that the model answered. */
export function answeredPictures({ pictures }: VlmScenarioResult): MeasuredPicture[] {
  return pictures.filter((picture) => picture.status === 'ok');
}

/** TPOT: (latency − TTFT) / (tokens − 1). */
export function timePerToken({ latency_ms, ttft_ms, completionTokens }: MeasuredPicture): number | null {
  return completionTokens < 2 ? null : (latency_ms - ttft_ms) / (completionTokens - 1);
}

/** New tokens / latency, as a user sees it: the time before the first token counts. */
export function tokensPerSecond({ latency_ms, completionTokens }: MeasuredPicture): number {
  return (1000 * completionTokens) / latency_ms;
}

/** Tokens of the prompt that were computed, picture included, per second of prefill. */
function prefillRate({ promptTokens, cachedTokens, stages: { prefill } }: MeasuredPicture): number | null {
  if (promptTokens === null || prefill === null || prefill <= 0) return null;
  return (1000 * (promptTokens - (cachedTokens ?? 0))) / prefill;
}

/** As many bits as a double holds for certain. */
function fingerprint(answer: string, key: Uint8Array): number {
  return createHmac('sha256', key).update(answer.trim()).digest().readUIntBE(0, 6);
}
