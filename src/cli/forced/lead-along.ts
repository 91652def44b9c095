import { EdgeVlmError } from '../../core/errors.js';
import type { ForcedAnswer } from '../../bench/scenarios/ablation/ablation-metrics.js';
import type { AblationMeasurement } from '../../bench/scenarios/ablation/ablation-scenario.js';
import type { ModelIdentity } from '../../core/run-record.js';
import { readVisionFamily } from '../../engine/vision-family.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { preparePictures } from '../../runtimes/engine/prepare-pictures.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { DrawnPrompts, type DrawnPromptsOptions } from '../prompts/drawn-prompts.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';
import type { ForcedPrompt } from './compare-forced.js';
import { leadThroughAlbums } from './lead-through-albums.js';

export interface LeadAlongOptions {
  /** Plain decoding with these options is the measure. */
  readonly load: EngineLoadOptions;
  /** Of the variant. */
  readonly cache: EngineLoadOptions['cache'];
  readonly drawn: Omit<DrawnPromptsOptions, 'vision'>;
  readonly models: Readonly<Record<string, ModelIdentity>>;
  /** How many tokens of whole album conversations; undefined: the answers that were given. */
  readonly tokens: number | undefined;
  /** Of each of these albums. */
  readonly pictures: number;
  /** Where what is finished of that is kept. */
  readonly folder: string;
}

/**
 * Has a lossy variant go along answers of plain decoding. null for one that is exact, that guesses (what it says is what plain
 * decoding says over its cache), or when the run was stopped.
 */
export async function leadAlong(
  { variant, pairs, failure }: AblationMeasurement,
  { load, cache, drawn, models, tokens, pictures, folder }: LeadAlongOptions,
  session: Session,
): Promise<readonly ForcedAnswer[] | null> {
  const { terminal, signal } = session;
  const isLed = variant.strategy === 'early-exit' || (variant.strategy === 'plain' && variant.cache !== 'full');
  if (!isLed || failure !== null || pairs.length === 0 || signal.aborted) return null;
  const vision = load.mmproj === undefined ? null : readVisionFamily(await readGguf(load.mmproj)).preprocessing;
  const request = { reference: load, subject: { ...load, ...(cache !== undefined && { cache }) }, decoding: variant.decoding };
  try {
    if (tokens !== undefined && vision !== null) {
      return await leadThroughAlbums(request, { ...drawn, vision, models, tokens, pictures, folder, cache: variant.cache }, session);
    }
    const prompts = new DrawnPrompts({ ...drawn, vision });
    const asked: ForcedPrompt[] = [];
    for (const { index, plain } of pairs) {
      const { messages, maxTokens, truth } = await prompts.prompt(index);
      const { input } = await preparePictures({ input: { messages }, maxTokens }, vision);
      if ('messages' in input) asked.push({ messages: input.messages, maxTokens, asks: truth?.asks ?? null, tokens: plain.tokens });
    }
    return await runNative('compareForced', { ...request, prompts: asked, reuse: false }, { onProgress: terminal.progress, signal });
  } catch (thrown) {
    // What was measured before is kept.
    if (EdgeVlmError.from(thrown).code === 'CANCELLED') return null;
    throw thrown;
  }
}
