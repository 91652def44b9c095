import { EdgeVlmError } from '../core/errors.js';
import { beginSequence } from './begin-sequence.js';
import type { EmbeddingRows } from './decoder-runner.js';
import type { DecodingTarget } from './decoding/decoding-strategy.js';
import type { DraftModel } from './draft-model.js';
import { wordsOf, type LaidOutPrompt } from './prompt-layout.js';
import type { PromptPictures } from './prompt-pictures.js';
import { SequenceTarget, type GenerationContext } from './sequence-target.js';

/** Has the draft read the prompt; null where it cannot. Never encodes a picture: no guess is worth that. */
export async function openDraft(
  draft: DraftModel,
  sequence: number,
  prompt: LaidOutPrompt,
  pictures: PromptPictures,
  tokensPerTile: number,
  context: GenerationContext,
): Promise<DecodingTarget | null> {
  const sees = draft.view === 'image-tokens';
  const read = sees ? prompt : { tokens: wordsOf(prompt, tokensPerTile, draft.imageToken), images: [] };
  if (read.tokens.length === 0) return null;
  const cached = prompt.reuse ? await beginSequence(draft, sequence, read, context) : 0;
  const embeddings: EmbeddingRows[] = [];
  for (const image of read.images) {
    if (cached >= image.at + tokensPerTile) continue;
    const values = pictures.known(image);
    if (values === undefined) return null;
    embeddings.push(pictures.rowsAfter(cached, image, values));
  }
  const target = new SequenceTarget(draft, sequence, context);
  try {
    await target.prefill({ tokens: read.tokens.subarray(cached), embeddings });
    return target;
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL') return null;
    throw thrown;
  }
}
