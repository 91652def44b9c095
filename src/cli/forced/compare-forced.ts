import type { DecodingOptions } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { ProgressTask, type Progress } from '../../core/progress.js';
import { compareLogits, type LogitComparison } from '../../engine/calibration/compare-logits.js';
import { TeacherForced } from '../../engine/calibration/teacher-forced.js';
import type { DecodingStrategy } from '../../engine/decoding/decoding-strategy.js';
import { PlainDecoding } from '../../engine/decoding/plain/plain-decoding.js';
import { createDecodingStrategy } from '../../engine/decoding/registry.js';
import { resolveDecoding } from '../../engine/decoding/resolve-decoding.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { TextEngine } from '../../runtimes/engine/text-engine.js';
import type { PreparedMessage } from '../../runtimes/prompt/prepared-request.js';

/** An answer to go along. */
export interface ForcedPrompt {
  readonly messages: readonly PreparedMessage[];
  readonly maxTokens: number;
  readonly tokens: readonly number[];
}

export interface CompareForcedRequest {
  /** Plain decoding with these options is the measure. */
  readonly reference: EngineLoadOptions;
  readonly subject: EngineLoadOptions;
  /** Of the subject. */
  readonly decoding: DecodingOptions;
  readonly prompts: readonly ForcedPrompt[];
}

/** Of each prompt, the tokens of its answer after the first, and its end. */
export type ForcedAnswer = readonly LogitComparison[];

/**
 * Has two engines go along the same answers and compares what each makes of every token. Computes in this process.
 * @throws as `TextEngine.load` and `generate`
 */
export async function compareForced(
  { reference, subject, decoding, prompts }: CompareForcedRequest,
  { onProgress, signal }: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<ForcedAnswer[]> {
  using measure = await TextEngine.load({ ...reference, signal });
  using other = await TextEngine.load({ ...subject, signal });
  const { layers } = other.engine.shape;
  const resolved = resolveDecoding(decoding, { layers });
  const task = new ProgressTask(onProgress, { label: 'compare logits', unit: 'prompts', total: prompts.length });
  const compared: ForcedAnswer[] = [];
  try {
    for (const prompt of prompts) {
      const rows: Float32Array[] = [];
      await goAlong(measure, { strategy: 'plain' }, new PlainDecoding(), prompt, signal, (_, logits) => rows.push(logits.slice()));
      const found: LogitComparison[] = [];
      await goAlong(other, decoding, createDecodingStrategy(resolved, layers), prompt, signal, (index, logits) => {
        const expected = rows[index];
        // The first token comes of the prompt alone, which every strategy reads in the same way.
        if (index > 0 && expected !== undefined) found.push(compareLogits(expected, logits));
      });
      compared.push(found);
      task.advance();
    }
    return compared;
  } finally {
    task.end();
  }
}

async function goAlong(
  engine: TextEngine,
  decoding: DecodingOptions,
  strategy: DecodingStrategy,
  { messages, maxTokens, tokens }: ForcedPrompt,
  signal: AbortSignal,
  observe: (index: number, logits: Float32Array) => void,
): Promise<void> {
  const forced = new TeacherForced(strategy, Int32Array.from(tokens), observe);
  const request = { input: { messages }, maxTokens, decoding, reuse: false };
  for await (const event of engine.generate(request, signal, forced)) {
    if (event.type === 'done' && event.result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while comparing');
  }
}
