import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

const Figure = Type.Union([Type.Number(), Type.Null()]);
const Setting = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]);
const Interval = Type.Tuple([Type.Number(), Type.Number()]);
export const Spread = Type.Object({ median: Type.Number(), lowest: Type.Number(), highest: Type.Number() });

/** `report.json` of `bench engine --ablate`. */
const Ablation = Type.Object({
  rows: Type.Array(
    Type.Object({
      ...{ model: Type.String(), strategy: Type.String(), cache: Type.String(), prompts: Type.Integer() },
      ...{ tokens_per_second: Figure, speedup: Figure, speedup_interval: Type.Union([Interval, Type.Null()]), speedup_median: Figure },
      ...{ predicted_speedup: Figure, acceptance_rate: Figure, exit_rate: Figure, layers_saved: Figure },
      ...{ kv_bytes_per_token: Figure, kv_ratio: Figure, kl_mean: Figure, kl_p99: Figure, top1_agreement: Figure },
      ...{ caption_top1_agreement: Figure, forced_tokens: Type.Integer(), exact: Type.Union([Type.Boolean(), Type.Null()]) },
      ...{ excused: Figure, different: Figure, sampled_exact: Type.Union([Type.Boolean(), Type.Null()]), sampled_excused: Figure },
    }),
  ),
  runs: Type.Array(
    Type.Object({
      settings: Type.Object({ effective: Type.Record(Type.String(), Setting) }),
      models: Type.Record(Type.String(), Type.Object({ name: Type.String() })),
    }),
  ),
});
/** `measure-speculation.ts`, `measure-strategies.ts` and `measure-caches.ts` of scripts/true-size. */
const Speculation = Type.Object({
  results: Type.Array(
    Type.Object({
      ...{ model: Type.String(), draft: Type.String(), acceptance: Type.Number(), c: Type.Number(), guesses: Type.Integer() },
      ...{ speedup: Spread, predicted_speedup: Type.Number(), of_predicted: Type.Number(), tokens_per_second: Spread },
      peer: Type.Union([Type.Null(), Type.Object({ ours_over_theirs: Spread })]),
    }),
  ),
});
const Planted = Type.Object({
  model: Type.String(),
  results: Type.Array(
    Type.Object({
      ...{ name: Type.String(), speedup: Spread, predicted_speedup: Figure, acceptance: Figure },
      ...{ exit_rate: Figure, layers_saved: Figure },
    }),
  ),
});
const LongCaches = Type.Object({
  ...{ model: Type.String(), context: Type.Integer() },
  results: Type.Array(Type.Object({ cache: Type.String(), ms_per_token: Spread, speedup: Spread, cache_bytes: Type.Number() })),
});
/** `eval albums --json`, or `eval scenes`, which has no `albums`. */
const Evaluation = Type.Object({
  albums: Type.Optional(Type.Integer()),
  count: Type.Integer(),
  caption: Type.Object({ exact: Type.Number() }),
  vqa: Type.Object({ accuracy: Type.Number(), by_kind: Type.Record(Type.String(), Type.Number()) }),
  intervals: Type.Record(Type.String(), Interval),
});

export type AblationRow = Static<typeof Ablation>['rows'][number];

/** A row of an ablation, and how it was run. */
export interface Ablated {
  readonly row: AblationRow;
  /** Who guesses, or where tokens leave, in words; empty for plain decoding. */
  readonly how: string;
  /** Whether it always guessed as many tokens as it may: tells what is exact and accepted, and nothing of speed. */
  readonly isFixed: boolean;
  /** Of the albums that it was led through; null where it was led along answers, or not at all. */
  readonly pictures: number | null;
}

/** An evaluation; its file's name says what of. */
export interface Evaluated extends Static<typeof Evaluation> {
  readonly name: string;
}

/** What was measured. */
export interface Measurements {
  readonly ablated: readonly Ablated[];
  readonly speculation: Static<typeof Speculation>['results'];
  readonly planted: readonly Static<typeof Planted>[];
  readonly longCaches: readonly Static<typeof LongCaches>[];
  readonly albums: readonly Evaluated[];
  readonly scenes: readonly Evaluated[];
}

/** Reads results of any of these kinds. @throws Error for a file of another kind */
export async function readMeasurements(files: readonly string[]): Promise<Measurements> {
  const found = {
    ablated: [] as Ablated[],
    speculation: [] as Static<typeof Speculation>['results'],
    planted: [] as Static<typeof Planted>[],
    longCaches: [] as Static<typeof LongCaches>[],
    albums: [] as Evaluated[],
    scenes: [] as Evaluated[],
  };
  for (const file of files) {
    const data: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (Value.Check(Ablation, data)) found.ablated.push(...ablatedOf(data));
    else if (Value.Check(Speculation, data)) found.speculation.push(...data.results);
    else if (Value.Check(Planted, data)) found.planted.push(data);
    else if (Value.Check(LongCaches, data)) found.longCaches.push(data);
    else if (Value.Check(Evaluation, data)) {
      (data.albums === undefined ? found.scenes : found.albums).push({ ...data, name: path.basename(file, '.json') });
    } else throw new Error(`${file} is of no kind that is known`);
  }
  return found;
}

function ablatedOf({ rows, runs }: Static<typeof Ablation>): Ablated[] {
  return rows.map((row) => {
    const run = runs.find(({ settings: { effective } }) => effective['strategy'] === row.strategy && effective['cache'] === row.cache);
    const { adaptive, draftView, draftLayers, exitLayers, forcedPictures } = run?.settings.effective ?? {};
    const draft = run?.models['draft']?.name.replace('.gguf', '');
    const how: Record<string, string> = {
      speculative: `${draft ?? ''}${draftView === 'image-tokens' ? ', sees the picture' : ''}`,
      'self-speculative': draftLayers === undefined ? '' : `${String(draftLayers)} layers`,
      'early-exit': exitLayers === undefined ? '' : `after ${String(exitLayers)} layers`,
    };
    return {
      row,
      how: how[row.strategy] ?? '',
      isFixed: adaptive === false,
      pictures: typeof forcedPictures === 'number' ? forcedPictures : null,
    };
  });
}
