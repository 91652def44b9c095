import type { BatchEntry, DecoderRunner } from '../../../src/engine/decoder-runner.js';

/** What a sequence starts with. */
export type Prompt = Pick<BatchEntry, 'tokens' | 'embeddings'>;

/**
 * Feeds the prompt, then one given token after another, and frees the sequence.
 * @returns logits of the prompt's last token and of every token of `fed`, [vocabulary] each
 */
export async function teacherForced(runner: DecoderRunner, prompt: Prompt, fed: readonly number[], sequence = 0): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const append = async (entry: Prompt): Promise<void> => {
    rows.push(...(await runner.decode([{ ...entry, sequence, logits: 'last' }])));
  };
  await append(prompt);
  for (const token of fed) await append({ tokens: Int32Array.of(token) });
  runner.truncate(sequence, 0);
  return rows;
}
