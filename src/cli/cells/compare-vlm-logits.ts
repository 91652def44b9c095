import type { CellContext } from '../../bench/plans/cell-runner.js';
import { compareAlong, giveAnswers, type LogitParity, type ScoringModel } from '../../bench/quality/logit-parity.js';
import type { GenerateRequest } from '../../core/generator.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { findVlmPictures } from './find-vlm-pictures.js';
import { resolveVlmModel } from './resolve-vlm-model.js';
import type { VlmCellSettings } from './vlm-cell-settings.js';
import { specOfVlm, withVlmDefaults } from './vlm-defaults.js';

/**
 * Leads one cell's model along what another's says of the first pictures, one model loaded at a time; nothing of it is kept.
 * @returns null where one of them does not tell logits, or none are wanted @throws as `resolveVlmModel` and `Runtime.open`
 */
export async function compareVlmLogits(
  reference: VlmCellSettings,
  subject: VlmCellSettings,
  context: CellContext,
): Promise<LogitParity | null> {
  const { signal } = context;
  const { image_dir, samples, logit_pictures, prompt, max_tokens } = withVlmDefaults(subject);
  if (logit_pictures === 0) return null;
  const models = [await resolveVlmModel(reference, context), await resolveVlmModel(subject, context)];
  for (const { runtime } of models) if (!(await RUNTIMES[runtime]()).tellsLogits) return null;
  const { pictures } = await findVlmPictures({ imageDir: image_dir, samples: Math.min(samples, logit_pictures), warmup: 0, signal });
  async function* inputs(): AsyncGenerator<GenerateRequest['input'], void, void> {
    for (const { read } of pictures) {
      const content = [{ type: 'picture', bytes: await read() } as const, { type: 'text', text: prompt } as const];
      yield { messages: [{ role: 'user', content }] };
    }
  }
  const given = await withModel(reference, context, (model) => giveAnswers(model, inputs(), max_tokens, signal));
  return given === null ? null : withModel(subject, context, (model) => compareAlong(model, given, signal));
}

/** Opens the model of a cell for some work; null where it does not tell logits. */
async function withModel<T>(
  settings: VlmCellSettings,
  { signal, onProgress }: CellContext,
  work: (model: ScoringModel) => Promise<T>,
): Promise<T | null> {
  const model = await resolveVlmModel(settings, { onProgress, signal });
  const runtime = await RUNTIMES[model.runtime]();
  const open = await runtime.open(specOfVlm(withVlmDefaults(settings), model), { signal, onProgress });
  try {
    const { generator, score } = open;
    return score === undefined ? null : await work({ generator, score });
  } finally {
    await open.close();
  }
}
