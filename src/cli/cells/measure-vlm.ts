import { describeEnvironment } from '../../bench/probes/environment.js';
import type { FailedPicture } from '../../bench/scenarios/vlm/measure-picture.js';
import { vlmMeasurement } from '../../bench/scenarios/vlm/vlm-measurement.js';
import { runVlmScenario, type VlmScenarioResult } from '../../bench/scenarios/vlm/vlm-scenario.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Measurement } from '../../core/run-record.js';
import { QUANTIZATIONS } from '../../core/runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { SCENE_VOCABULARY } from '../commands/eval-scene-pictures.js';
import { answerKey } from './answer-key.js';
import { findVlmPictures } from './find-vlm-pictures.js';
import { identifyVlmModel } from './identify-vlm-model.js';
import { resolveVlmModel, type VlmModel } from './resolve-vlm-model.js';
import type { VlmCellSettings } from './vlm-cell-settings.js';
import { specOfVlm, withVlmDefaults, type FullVlmSettings } from './vlm-defaults.js';

const BOOTSTRAP_SEED = 0;

export interface MeasureVlmOptions {
  readonly onProgress: Progress;
  /** Told once what runs the model. */
  readonly onRuntime?: (model: Pick<VlmModel, 'runtime' | 'why'>) => void;
  /** Told of each picture that is not answered. */
  readonly onFailure?: (failure: FailedPicture, name: string) => void;
  readonly signal: AbortSignal;
}

/** A measurement with what its record does not hold. */
export interface MeasuredVlm {
  readonly measurement: Measurement;
  readonly result: VlmScenarioResult;
  readonly unreadable: readonly FailedPicture[];
  readonly nameOf: (index: number) => string;
  /** Pictures that were to be answered: fewer than were asked for where the folder has fewer. */
  readonly pictures: number;
}

/**
 * Looks at the pictures, finds the model, loads it and has it answer.
 * @throws as `findVlmPictures`, `resolveVlmModel` and `Runtime.open`; the first picture's error where not one was answered
 */
export async function measureVlm(settings: VlmCellSettings, options: MeasureVlmOptions): Promise<MeasuredVlm> {
  const { onProgress, onFailure, onRuntime, signal } = options;
  const full = withVlmDefaults(settings);
  const { samples, warmup, prompt, max_tokens, batch, device, quantization } = full;
  const pictures = await findVlmPictures({ imageDir: full.image_dir, samples, warmup, signal });
  const { nameOf, unreadable } = pictures;
  for (const failure of unreadable) onFailure?.(failure, nameOf(failure.index));
  const model = await resolveVlmModel(settings, { onProgress, signal });
  onRuntime?.(model);
  const models = await identifyVlmModel(model, signal);
  const environment = await describeEnvironment();
  const runtime = await RUNTIMES[model.runtime]();

  const result = await runVlmScenario({
    open: () => runtime.open(specOfVlm(full, model), { signal, onProgress }),
    pictures: pictures.pictures,
    warmup: pictures.warmup,
    prompt,
    maxTokens: max_tokens,
    batch,
    readsDevice: device !== 'cpu',
    onProgress,
    onFailure: (failure) => onFailure?.(failure, nameOf(failure.index)),
    signal,
  }).catch((thrown: unknown) => {
    throw withPrecisionHint(EdgeVlmError.from(thrown), full);
  });
  const [failed] = result.pictures.filter((picture) => picture.status !== 'ok');
  if (failed !== undefined && result.pictures.every(({ status }) => status !== 'ok')) {
    throw new EdgeVlmError(failed.error.code, `not one picture was answered: ${failed.error.message}`, {
      cause: failed.error,
      hint: failed.error.hint,
    });
  }
  const named = {
    model_name: model.name,
    device,
    quantization,
    num_samples: samples,
    image_dir: full.image_dir,
    ...{ runtime: model.runtime, precision: full.precision ?? null, warmup, prompt, max_tokens, batch },
    ...{ threads: full.threads ?? null, context: full.context ?? null },
  };
  const measurement = vlmMeasurement(result, {
    requested: { ...named, runtime: full.runtime ?? null },
    settings: named,
    environment: { ...environment, ...(result.description.device !== undefined && { device: result.description.device }) },
    models,
    datasetSha256: pictures.sha256,
    unreadable,
    vocabulary: SCENE_VOCABULARY,
    answerKey: await answerKey(),
    seed: BOOTSTRAP_SEED,
  });
  return { measurement, result, unreadable, nameOf, pictures: pictures.pictures.length };
}

/** What to try where the memory does not suffice. */
function withPrecisionHint(error: EdgeVlmError, { device, quantization }: FullVlmSettings): EdgeVlmError {
  if (error.code !== 'OUT_OF_MEMORY') return error;
  const smaller = QUANTIZATIONS.slice(QUANTIZATIONS.indexOf(quantization) + 1).map((kind) => `--quantization ${kind}`);
  const ways = [...smaller, ...(device === 'cpu' ? [] : ['--device cpu']), 'a smaller --context', 'a smaller model'];
  return new EdgeVlmError('OUT_OF_MEMORY', error.message, {
    cause: error,
    hint: `Try ${ways.slice(0, -1).join(', ')} or ${ways.at(-1) ?? ''}.`,
  });
}
