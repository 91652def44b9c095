import type { Environment, Measurement, ModelIdentity, Settings, Verdict } from '../../../core/run-record.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { FailedPicture } from './measure-picture.js';
import { vlmQuality } from './vlm-quality.js';
import { answeredPictures, vlmSamples } from './vlm-samples.js';
import type { VlmScenarioResult } from './vlm-scenario.js';

/** What was asked for; the names are those of the record's settings and, for the first five, of MLflow's params. */
export interface VlmSettings {
  readonly model_name: string;
  readonly device: string;
  readonly quantization: string;
  /** How many pictures were asked for. */
  readonly num_samples: number;
  /** As the user called the folder; what is sent to a tracking server is decided there. */
  readonly image_dir: string;
  readonly runtime: string;
  readonly precision: string | null;
  readonly warmup: number;
  readonly prompt: string;
  readonly max_tokens: number;
  readonly batch: number;
  readonly threads: number | null;
  readonly context: number | null;
}

export interface VlmMeasurementOptions {
  /** What was asked for, null for defaults. */
  readonly requested: Settings;
  readonly settings: VlmSettings;
  readonly environment: Environment;
  readonly models: Readonly<Record<string, ModelIdentity>>;
  /** SHA-256 over the hashes of the pictures' files, in the order they were shown, and over what is true of them. */
  readonly datasetSha256: string;
  /** Pictures that were left out before the model was loaded, because they cannot be decoded. */
  readonly unreadable: readonly FailedPicture[];
  readonly vocabulary: CaptionVocabulary;
  /** As in `vlmSamples`. */
  readonly answerKey: Uint8Array;
  /** Of the bootstrap. */
  readonly seed: number;
}

/** A run as its record tells it: figures and counts, but no picture's name, no answer, and no message that could quote either. */
export function vlmMeasurement(result: VlmScenarioResult, options: VlmMeasurementOptions): Measurement {
  const { requested, settings, environment, models, datasetSha256, unreadable, vocabulary, answerKey, seed } = options;
  const answered = answeredPictures(result);
  const quality = vlmQuality(answered, vocabulary, seed);
  const failures = [...unreadable, ...result.pictures.filter((picture) => picture.status !== 'ok')];
  return {
    command: 'bench vlm',
    settings: {
      requested,
      effective: {
        ...settings,
        precision: result.effectivePrecision,
        context: result.description.contextLength ?? settings.context,
        num_samples: answered.length,
        sampling: 'greedy',
        cache: 'cold',
      },
    },
    seeds: { bootstrap: seed },
    models: { ...models },
    dataset: { name: 'pictures', sha256: datasetSha256, items: answered.length },
    environment,
    thermal: { ...result.thermal, during: [...result.resources.thermal] },
    memory: { ...result.memory },
    resources: result.resources.use,
    generator: result.audit,
    samples: [...vlmSamples(result, answerKey), ...quality.samples],
    ...(quality.scores.length > 0 && { scores: [...quality.scores] }),
    verdicts: [failureVerdict(answered.length, failures)],
    notes: [...failureNotes(failures), ...(settings.batch > 1 ? [BATCH_NOTE] : []), ...NOTES],
  };
}

function failureVerdict(answered: number, failures: readonly FailedPicture[]): Verdict {
  const errors = failures.filter(({ status }) => status === 'error').length;
  const skipped = failures.length - errors;
  const detail = `${answered} pictures answered, ${skipped} skipped because they cannot be read, ${errors} failed`;
  return { name: 'pictures', outcome: errors > 0 ? 'fail' : skipped > 0 ? 'inconclusive' : 'pass', detail };
}

function failureNotes(failures: readonly FailedPicture[]): string[] {
  const counts = new Map<string, number>();
  for (const { status, error } of failures) {
    const kind = `${status === 'skipped' ? 'skipped' : 'failed'}: ${error.code}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} ${count === 1 ? 'picture' : 'pictures'} ${kind}.`);
}

const BATCH_NOTE =
  'Several pictures were answered at a time: latencies are those of each request, waiting for others included; throughput is of all together.';

/** How every figure came about; docs/BENCHMARKS.md has the formulas. */
const NOTES = [
  'Load time: from the call that opens the model until it is ready, starting its process included; model load is the same as the runtime counts it.',
  'Latency: from opening the picture file to the end of the answer. Files are in the page cache: each was decoded once before, to see that it can be. TTFT: to the first text. TPOT = (latency − TTFT) / (tokens − 1). Tokens per second = tokens / latency. Warm-up is kept apart.',
  'Decoding is greedy, and nothing of earlier prompts is used.',
  'Percentiles are sorted[⌊n·p⌋]; of few samples they are estimates.',
];
