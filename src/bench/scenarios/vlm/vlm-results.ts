import type { RunRecord } from '../../../core/run-record.js';
import { scoreFields } from '../../quality/score-fields.js';
import type { FailedPicture, MeasuredPicture, VlmStage } from './measure-picture.js';
import { timePerToken, tokensPerSecond } from './vlm-samples.js';
import type { VlmScenarioResult } from './vlm-scenario.js';

/** `benchmark_results.json`: the params and metrics as they are logged to MLflow, and a line for each picture. */
export interface VlmResults {
  readonly run: string;
  readonly created_at: string;
  readonly params: {
    readonly model_name: string;
    readonly device: string;
    readonly quantization: string;
    readonly num_samples: number;
    readonly image_dir: string;
    readonly [name: string]: string | number | boolean | null;
  };
  readonly metrics: VlmMetrics;
  readonly scores: ReturnType<typeof scoreFields> | null;
  readonly samples: readonly PictureResult[];
}

/** The first four are the seed's; means unless the name says otherwise, null where there is nothing to tell. */
interface VlmMetrics {
  readonly load_time_seconds: number | null;
  readonly inference_latency_ms: number | null;
  /** Of graphics cards, 10⁶ bytes. */
  readonly memory_mb: number | null;
  readonly tokens_per_second: number | null;
  readonly inference_latency_ms_median: number | null;
  readonly inference_latency_ms_p90: number | null;
  readonly ttft_ms: number | null;
  readonly tpot_ms: number | null;
  readonly pictures_per_second: number | null;
  readonly throughput_tokens_per_second: number | null;
  readonly rss_mb: number | null;
  readonly peak_rss_mb: number | null;
  readonly vram_peak_mb: number | null;
  readonly cpu_percent: number | null;
  readonly power_watts: number | null;
  readonly pictures_answered: number;
  readonly pictures_skipped: number;
  readonly pictures_failed: number;
}

interface PictureResult {
  /** Which of the folder's pictures, from 0. */
  readonly index: number;
  readonly status: 'ok' | 'skipped' | 'error';
  /** Its name and what the model said, where that was asked for. */
  readonly image?: string;
  readonly answer?: string;
  readonly error?: string;
  readonly latency_ms?: number;
  readonly ttft_ms?: number;
  readonly tpot_ms?: number | null;
  readonly tokens?: number;
  readonly tokens_per_second?: number;
  readonly stages_ms?: Readonly<Record<VlmStage, number | null>>;
}

export interface VlmResultsOptions {
  readonly unreadable: readonly FailedPicture[];
  /** Gives a picture's name; only then names and answers are in the results. */
  readonly nameOf?: (index: number) => string;
}

/** @param record the run's, whose summary the metrics are from */
export function vlmResults(record: RunRecord, result: VlmScenarioResult, { unreadable, nameOf }: VlmResultsOptions): VlmResults {
  const { effective } = record.settings;
  const text = (name: string): string => String(effective[name] ?? '');
  const pictures = [...unreadable, ...result.pictures].sort((a, b) => a.index - b.index);
  const count = (status: PictureResult['status']): number => pictures.filter((picture) => picture.status === status).length;
  return {
    run: record.id,
    created_at: record.createdAt,
    params: {
      ...effective,
      model_name: text('model_name'),
      device: text('device'),
      quantization: text('quantization'),
      num_samples: Number(effective['num_samples']),
      image_dir: text('image_dir'),
    },
    metrics: { ...metricsOf(record), pictures_answered: count('ok'), pictures_skipped: count('skipped'), pictures_failed: count('error') },
    scores: record.scores === undefined ? null : scoreFields(record.scores),
    samples: pictures.map((picture) => (picture.status === 'ok' ? answered(picture, nameOf) : failed(picture, nameOf))),
  };
}

/** What the seed's table and the terminal show; from the record alone. */
export function metricsOf(record: RunRecord): Omit<VlmMetrics, 'pictures_answered' | 'pictures_skipped' | 'pictures_failed'> {
  const { summary, memory, resources } = record;
  const mean = (name: string): number | null => summary[name]?.mean ?? null;
  const scaled = (value: number | null | undefined, factor: number): number | null =>
    value === null || value === undefined ? null : value * factor;
  const watts = [resources?.power.package_watts, resources?.power.gpu_watts].filter((value) => typeof value === 'number');
  const latency = summary['latency_ms'];
  return {
    load_time_seconds: scaled(mean('load_ms'), 1e-3),
    inference_latency_ms: mean('latency_ms'),
    memory_mb: scaled(mean('device_memory'), 1e-6),
    tokens_per_second: mean('tokens_per_second'),
    inference_latency_ms_median: latency?.median ?? null,
    inference_latency_ms_p90: latency?.percentiles.find(({ p }) => p === 0.9)?.value ?? null,
    ttft_ms: mean('ttft_ms'),
    tpot_ms: mean('tpot_ms'),
    pictures_per_second: mean('pictures_per_second'),
    throughput_tokens_per_second: mean('throughput'),
    rss_mb: scaled(memory['loaded']?.rss_bytes, 1e-6),
    peak_rss_mb: scaled(resources?.memory.peakRss_bytes, 1e-6),
    vram_peak_mb: scaled(resources?.vram.peak_bytes, 1e-6),
    cpu_percent: scaled(resources?.cpu.cores, 100),
    power_watts: watts.length === 0 ? null : watts.reduce((sum, value) => sum + value, 0),
  };
}

function answered(picture: MeasuredPicture, nameOf: VlmResultsOptions['nameOf']): PictureResult {
  const { index, latency_ms, ttft_ms, completionTokens, stages, answer } = picture;
  return {
    ...{ index, status: 'ok' },
    ...(nameOf && { image: nameOf(index), answer }),
    ...{ latency_ms, ttft_ms, tpot_ms: timePerToken(picture), tokens: completionTokens },
    ...{ tokens_per_second: tokensPerSecond(picture), stages_ms: stages },
  };
}

function failed({ index, status, error }: FailedPicture, nameOf: VlmResultsOptions['nameOf']): PictureResult {
  return { index, status, ...(nameOf && { image: nameOf(index) }), error: error.code };
}
