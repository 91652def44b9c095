import type { ForcedAnswer } from '../../bench/scenarios/ablation/ablation-metrics.js';
import type { DecodingOptions } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { ProgressTask, type Progress } from '../../core/progress.js';
import { compareLogits, type LogitComparison } from '../../core/compare-logits.js';
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
  readonly asks: ForcedAnswer['asks'];
  /** null: what the reference says. */
  readonly tokens: readonly number[] | null;
}

export interface CompareForcedRequest {
  /** Plain decoding with these options is the measure. */
  readonly reference: EngineLoadOptions;
  readonly subject: EngineLoadOptions;
  /** Of the subject. */
  readonly decoding: DecodingOptions;
  readonly prompts: readonly ForcedPrompt[];
  /** Whether prompts that begin alike are read once, by each engine as its cache allows. */
  readonly reuse: boolean;
}

/**
 * Has two engines go along the same answers and compares what each makes of every token after the first, and of the end. Computes in
 * this process.
 * @throws as `TextEngine.load` and `generate`
 */
export async function compareForced(
  { reference, subject, decoding, prompts, reuse }: CompareForcedRequest,
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
      const answer = await compareOne(prompt).catch((thrown: unknown) => {
        // A conversation that is too long for this context says nothing of shorter ones.
        if (EdgeVlmError.from(thrown).code === 'CONTEXT_FULL') return null;
        throw thrown;
      });
      if (answer !== null) compared.push(answer);
      task.advance();
    }
    return compared;
  } finally {
    task.end();
  }

  async function compareOne(prompt: ForcedPrompt): Promise<ForcedAnswer> {
    const rows: Float32Array[] = [];
    const said = await goAlong(measure, { strategy: 'plain' }, new PlainDecoding(), { ...prompt, reuse }, signal, (_, logits) => {
      rows.push(logits.slice());
    });
    const tokens: LogitComparison[] = [];
    const strategy = createDecodingStrategy(resolved, layers);
    const forced = { ...prompt, tokens: said.tokens, reuse };
    const { cacheBytes } = await goAlong(other, decoding, strategy, forced, signal, (index, logits) => {
      const expected = rows[index];
      // The first token comes of the prompt alone, which every strategy reads in the same way.
      if (index > 0 && expected !== undefined) tokens.push(compareLogits(expected, logits));
    });
    const contextTokens = said.promptTokens + said.tokens.length;
    return { asks: prompt.asks, tokens, cacheBytes, referenceBytes: said.cacheBytes, contextTokens };
  }
}

interface WentAlong {
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  readonly cacheBytes: number;
}

async function goAlong(
  engine: TextEngine,
  decoding: DecodingOptions,
  strategy: DecodingStrategy,
  { messages, maxTokens, tokens, reuse }: ForcedPrompt & { readonly reuse: boolean },
  signal: AbortSignal,
  observe: (index: number, logits: Float32Array) => void,
): Promise<WentAlong> {
  const forced = new TeacherForced(strategy, tokens === null ? null : Int32Array.from(tokens), observe);
  const request = { input: { messages }, maxTokens, decoding, reuse };
  const said: number[] = [];
  for await (const event of engine.generate(request, signal, forced)) {
    if (event.type === 'token') {
      said.push(event.token);
      continue;
    }
    const { finishReason, promptTokens, cacheBytes = 0 } = event.result;
    if (finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while comparing');
    return { tokens: said, promptTokens, cacheBytes };
  }
  throw new EdgeVlmError('INTERNAL', 'the engine ended without a result');
}
