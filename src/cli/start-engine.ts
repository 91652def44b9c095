import { findModel } from '../catalogue/find-model.js';
import { inspectModel } from '../catalogue/inspect-model.js';
import { EdgeVlmError } from '../core/errors.js';
import type { ImagePreprocessing } from '../core/image.js';
import { EngineGenerator } from '../runtimes/engine/engine-generator.js';
import { applyCalibration } from './calibration/apply-calibration.js';
import { cacheOptions, type CacheFlags } from './options/cache-options.js';
import { computeOptions } from './options/compute-options.js';
import { decodingOptions, type DecodingFlags } from './options/decoding-options.js';
import type { ModelOptions } from './options/model-options.js';
import type { Session } from './session.js';

/**
 * Finds the model and starts the engine on it, in a process of its own. The caller closes it.
 * @throws EdgeVlmError as `findModel` and `EngineGenerator.start`
 */
export async function startEngine(
  options: ModelOptions & DecodingFlags & CacheFlags,
  session: Session,
  { vision }: { vision: boolean },
): Promise<EngineGenerator> {
  const { terminal, signal } = session;
  const found = await findModel({ model: options.model, mmproj: options.mmproj, vision });
  const { model, mmproj } = found;
  if (vision && mmproj === undefined) await refuseWithoutVision(model);
  if (found.mmprojGuessed && mmproj !== undefined) terminal.note(`vision half: ${mmproj}`);
  const { context } = options;
  const decoding = await decodingOptions(options);
  const work = { label: 'load model', unit: 'bytes' } as const;
  const load = { model, ...(mmproj && { mmproj }), ...computeOptions(options), ...cacheOptions(options), ...decoding };
  const engine = await EngineGenerator.start(
    await applyCalibration({ ...load, ...(context && { context }) }, options.calibration ?? 'auto', session),
    {
      signal,
      onLoadBytes: (done, total) => {
        terminal.progress({ type: 'advance', ...work, done, total });
      },
    },
  ).finally(() => {
    terminal.progress({ type: 'end', ...work, done: 0 });
  });
  for (const warning of engine.description.warnings) terminal.warning(warning);
  const { name, precision, parameters, weightBytes, cacheBytes, load_ms } = engine.description;
  terminal.logger.info('model loaded', {
    pid: engine.pid,
    file: model,
    mmproj,
    name,
    precision,
    parameters,
    weightBytes,
    cacheBytes,
    load_ms,
  });
  return engine;
}

/** Says why a model without a vision half cannot see, before it is loaded. */
async function refuseWithoutVision(model: string): Promise<never> {
  const inspection = await inspectModel(model);
  if (inspection.vision === null) {
    throw new EdgeVlmError('MMPROJ_MISSING', `there is no vision half beside ${model}, so it cannot see pictures`);
  }
  throw new EdgeVlmError('MODEL_UNSUPPORTED', `${model} is the vision half of a model`, {
    hint: 'Pass it with --mmproj and the language half with --model.',
  });
}

/** How the loaded model wants its pictures. */
export function visionOf(engine: EngineGenerator): ImagePreprocessing {
  const { vision, name } = engine.description;
  if (vision === null) throw new EdgeVlmError('MMPROJ_MISSING', `${name} was loaded without its vision half`);
  return vision;
}
