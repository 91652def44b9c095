// `npx tsx scripts/true-size/tables.ts FILE.json…`: what the measurements beside this, `bench engine --ablate --json` and its report.json wrote, as
// tables for docs/OPTIMIZATIONS.md and docs/KV_CACHE.md.
import { readFile } from 'node:fs/promises';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

const Spread = Type.Object({ median: Type.Number(), lowest: Type.Number(), highest: Type.Number() });
const Figure = Type.Union([Type.Number(), Type.Null()]);
const Speculation = Type.Object({
  results: Type.Array(
    Type.Object({
      ...{ model: Type.String(), draft: Type.String(), acceptance: Type.Number(), c: Type.Number(), guesses: Type.Integer() },
      ...{ speedup: Spread, predicted_speedup: Type.Number(), of_predicted: Type.Number(), tokens_per_second: Spread },
      peer: Type.Union([Type.Null(), Type.Object({ tokens_per_second: Spread, ours_over_theirs: Spread })]),
    }),
  ),
});
const Strategies = Type.Object({
  model: Type.String(),
  results: Type.Array(
    Type.Object({
      ...{ name: Type.String(), speedup: Spread, predicted_speedup: Figure, acceptance: Figure },
      ...{ exit_rate: Figure, layers_saved: Figure },
    }),
  ),
});
const Caches = Type.Object({
  context: Type.Integer(),
  results: Type.Array(Type.Object({ cache: Type.String(), ms_per_token: Spread, speedup: Spread, cache_bytes: Type.Number() })),
});
const Ablation = Type.Object({
  rows: Type.Array(
    Type.Object({
      ...{ strategy: Type.String(), cache: Type.String(), prompts: Type.Integer(), tokens_per_second: Figure },
      ...{ speedup: Figure, speedup_median: Figure, predicted_speedup: Figure, acceptance_rate: Figure, exit_rate: Figure },
      ...{ layers_saved: Figure, kv_bytes_per_token: Figure, kv_ratio: Figure, kl_mean: Figure, kl_p99: Figure, top1_agreement: Figure },
      ...{ caption_top1_agreement: Figure, forced_tokens: Type.Integer(), exact: Type.Union([Type.Boolean(), Type.Null()]) },
      ...{ excused: Figure, different: Figure },
    }),
  ),
});

const spread = ({ median, lowest, highest }: Static<typeof Spread>, digits = 2): string =>
  `${median.toFixed(digits)} (${lowest.toFixed(digits)}–${highest.toFixed(digits)})`;
const figure = (value: number | null, digits = 2): string => (value === null ? '–' : value.toFixed(digits));
const share = (value: number | null): string => (value === null ? '–' : `${(100 * value).toFixed(1)}%`);
const small = (value: number | null): string => (value === null ? '–' : value.toExponential(1));

/** Columns, and a row for each result; undefined for a file of another kind. */
function tableOf(data: unknown): (readonly string[])[] | undefined {
  if (Value.Check(Speculation, data)) {
    return [
      ['target', 'draft', 'α', 'c', 'guesses', 'speed-up', 'predicted', 'of it', 'tok/s', 'llama.cpp tok/s', 'ours / theirs'],
      ...data.results.map((one) => [
        ...[one.model, one.draft, figure(one.acceptance), figure(one.c, 3), String(one.guesses), spread(one.speedup)],
        ...[figure(one.predicted_speedup), share(one.of_predicted), spread(one.tokens_per_second, 1)],
        ...(one.peer === null ? ['–', '–'] : [spread(one.peer.tokens_per_second, 1), spread(one.peer.ours_over_theirs)]),
      ]),
    ];
  }
  if (Value.Check(Strategies, data)) {
    return [
      ['strategy', 'speed-up', 'predicted', 'acceptance', 'left early', 'layers saved'],
      ...data.results.map((one) => [
        ...[one.name, spread(one.speedup), figure(one.predicted_speedup), share(one.acceptance), share(one.exit_rate)],
        share(one.layers_saved),
      ]),
    ];
  }
  if (Value.Check(Caches, data)) {
    return [
      ['cache', `ms a token behind ${data.context}`, 'times the speed of the first', 'MiB'],
      ...data.results.map((one) => [one.cache, spread(one.ms_per_token, 1), spread(one.speedup), (one.cache_bytes / 2 ** 20).toFixed(1)]),
    ];
  }
  if (!Value.Check(Ablation, data)) return undefined;
  return [
    [
      ...['strategy', 'cache', 'prompts', 'tok/s', 'speed-up', 'median', 'predicted', 'accepted', 'left early', 'layers saved'],
      ...['exact (excused, different)', 'bytes a token', 'smaller', 'KL', 'p99', 'likeliest the same', 'of captions', 'tokens'],
    ],
    ...data.rows.map((row) => [
      ...[row.strategy, row.cache, String(row.prompts), figure(row.tokens_per_second, 0), figure(row.speedup), figure(row.speedup_median)],
      ...[figure(row.predicted_speedup), share(row.acceptance_rate), share(row.exit_rate), share(row.layers_saved)],
      row.exact === null ? '–' : `${row.exact ? 'yes' : 'no'} (${row.excused ?? 0}, ${row.different ?? 0})`,
      ...[figure(row.kv_bytes_per_token, 0), `${figure(row.kv_ratio)}×`, small(row.kl_mean), small(row.kl_p99)],
      ...[share(row.top1_agreement), share(row.caption_top1_agreement), String(row.forced_tokens)],
    ]),
  ];
}

for (const file of process.argv.slice(2)) {
  const table = tableOf(JSON.parse(await readFile(file, 'utf8')));
  if (table === undefined) throw new Error(`${file} is of no kind that is known`);
  const [columns = [], ...rows] = table;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  console.log([file, '', line(columns), line(columns.map(() => '---')), ...rows.map(line), ''].join('\n'));
}
