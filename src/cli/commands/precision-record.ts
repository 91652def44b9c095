import { comparePrecisions } from '../../bench/scenarios/precisions/compare-precisions.js';
import type { PrecisionTurn } from '../../bench/scenarios/precisions/precision-turn.js';
import { picturesOf, precisionSamples } from '../../bench/scenarios/precisions/precision-samples.js';
import type { PrecisionMeasurement, PrecisionsScenarioResult } from '../../bench/scenarios/precisions/precisions-scenario.js';
import { scoreScenes } from '../../bench/scenarios/scenes/score-scenes.js';
import { createRunRecord, type Environment, type RunRecord } from '../../core/run-record.js';
import { SCENE_VOCABULARY } from './eval-scene-pictures.js';
import type { PrecisionParity } from './precision-parity.js';

export interface PrecisionRecordOptions {
  /** What the others are compared with. */
  readonly reference: PrecisionMeasurement;
  /** How far its logits are from the reference's; null for the reference, and where that was not looked at. */
  readonly parity: PrecisionParity | null;
  readonly thermal: PrecisionsScenarioResult['thermal'];
  readonly environment: Environment;
  readonly models: RunRecord['models'];
  readonly settings: RunRecord['settings'];
  readonly seeds: { readonly scenes: number; readonly bootstrap: number };
  /** Hash of the truths of the first `pictures`. */
  readonly sha256: (pictures: number) => string;
}

/** The run record of one precision: its samples and scores and, unless it is the reference, how it compares. */
export function precisionRecord(measurement: PrecisionMeasurement, options: PrecisionRecordOptions): RunRecord {
  const { reference, parity, thermal, environment, models, settings, seeds, sha256 } = options;
  const { name, turns } = measurement;
  const pictures = picturesOf(turns);
  const { scores, samples } = scoreScenes(pictures, SCENE_VOCABULARY, seeds.bootstrap);
  const compared =
    name === reference.name
      ? { scores: [], samples: [], verdicts: [] }
      : comparePrecisions(
          { name, pictures },
          { name: reference.name, pictures: picturesOf(reference.turns) },
          SCENE_VOCABULARY,
          seeds.bootstrap,
        );
  const [last] = turns.slice(-1);
  const delayOf = ({ watched }: PrecisionTurn): number => watched.audit.eventLoopDelay_ms.p99;
  const [worst] = turns.toSorted((a, b) => delayOf(b) - delayOf(a));
  return createRunRecord({
    command: 'bench precisions',
    settings: {
      requested: settings.requested,
      effective: {
        ...settings.effective,
        context: last?.contextLength ?? null,
        precision: name,
        reference: reference.name,
        rounds: turns.length,
        sampling: 'greedy',
      },
    },
    seeds: { ...seeds },
    models,
    dataset: { name: 'scenes', sha256: sha256(pictures.length), items: pictures.length },
    environment,
    thermal: { ...thermal, during: turns.flatMap(({ watched }) => watched.resources.thermal) },
    memory: last === undefined ? {} : { loaded: last.loaded, after: last.watched.after },
    ...(last !== undefined && { resources: last.watched.resources.use }),
    ...(worst !== undefined && { generator: worst.watched.audit }),
    samples: [...precisionSamples(turns), ...samples, ...compared.samples],
    scores: [...scores, ...compared.scores, ...(parity?.scores ?? [])],
    verdicts: [...compared.verdicts, ...(parity?.verdicts ?? [])],
    notes: NOTES,
  });
}

/** How every figure came about. */
const NOTES = [
  'Precisions take turns in rounds, forwards and backwards, one loaded at a time in a process of its own; each turn loads the model, warms up with a picture that is not scored, and has its share of the pictures.',
  'Loading: from opening the files, which are in the page cache, until the model is ready; starting the process is not in it.',
  'Latency: from reading the picture file to the last token of the caption. TTFT: to the first text. TPOT = (latency − TTFT) / (tokens − 1). Prefill: tokens of the prompt, picture included, per second. Captions are timed cold: nothing of earlier prompts is used.',
  'Speed-up: geometric mean over the pictures of the latency of the reference / the latency of the precision. Too noisy when those ratios scatter by more than 20%.',
  'Percentiles are sorted[⌊n·p⌋]; of few samples they are estimates.',
  'Resources are those of the last round; the audit of the measuring process is that of its worst one; readings of heat and clock are of all rounds, each from its own beginning.',
  'Intervals are 95% percentile bootstrap over pictures; where nothing differed they have no width, and up to 3/n may still differ. docs/EVALUATION.md defines the scores.',
];
