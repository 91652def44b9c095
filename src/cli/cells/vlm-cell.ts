import { Value } from 'typebox/value';
import type { CellRunner } from '../../bench/plans/cell-runner.js';
import { sha256Json } from '../../core/canonical-json.js';
import { NO_PROGRESS } from '../../core/progress.js';
import type { Settings } from '../../core/run-record.js';
import { compareVlmLogits } from './compare-vlm-logits.js';
import { findVlmPictures } from './find-vlm-pictures.js';
import { identifyVlmModel } from './identify-vlm-model.js';
import { measureVlm } from './measure-vlm.js';
import { resolveVlmModel } from './resolve-vlm-model.js';
import { VlmCellSettings } from './vlm-cell-settings.js';
import { withVlmDefaults } from './vlm-defaults.js';

/** `bench vlm` as a cell of a plan. */
export const vlmCell: CellRunner = {
  settings: VlmCellSettings,

  async identify(settings, signal) {
    const cell = parse(settings);
    const { samples, warmup } = withVlmDefaults(cell);
    const { sha256 } = await findVlmPictures({ imageDir: cell.image_dir, samples, warmup, signal });
    const model = await resolveVlmModel(cell, { onProgress: NO_PROGRESS, signal });
    const files = Object.entries(await identifyVlmModel(model, signal)).map(([role, identity]) => [role, identity.sha256] as const);
    // What lies elsewhere is known by its name alone.
    return { images: sha256, runtime: sha256Json([model.runtime, model.name]), ...Object.fromEntries(files) };
  },

  async run(settings, context) {
    return (await measureVlm(parse(settings), context)).measurement;
  },

  compareLogits: (reference, subject, context) => compareVlmLogits(parse(reference), parse(subject), context),
};

/** The plan has checked them. */
function parse(settings: Settings): VlmCellSettings {
  return Value.Parse(VlmCellSettings, settings);
}
