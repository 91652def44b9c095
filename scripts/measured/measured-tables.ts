import type { Static } from 'typebox';
import type { Ablated, Evaluated, Measurements, Spread } from './read-measurements.js';

type Figure = number | null;
const NONE = '–';
const spread = ({ median, lowest, highest }: Static<typeof Spread>, digits = 2): string =>
  `${median.toFixed(digits)} (${lowest.toFixed(digits)}–${highest.toFixed(digits)})`;
const figure = (value: Figure, digits = 2): string => (value === null ? NONE : value.toFixed(digits));
const share = (value: Figure, digits = 1): string => (value === null ? NONE : `${(100 * value).toFixed(digits)}%`);
const yes = (value: boolean | null): string => (value === null ? NONE : value ? 'yes' : 'no');
const named = (strategy: string, how: string): string => (how === '' ? strategy : `${strategy}: ${how}`);
const small = (value: Figure): string => (value === null ? NONE : value.toExponential(1));

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What strategies say and how, without their speed. */
export function countsTable(ablated: readonly Ablated[]): string {
  return table(
    [
      'model',
      'strategy',
      'cache',
      'prompts',
      'exact',
      'excused',
      'sampled: exact',
      'excused',
      'acceptance_rate',
      'exit_rate',
      'layers_saved',
      'top1_agreement',
    ],
    ablated.map(({ row, how }) => [
      ...[row.model, named(row.strategy, how), row.cache, String(row.prompts), yes(row.exact), figure(row.excused, 0)],
      ...[yes(row.sampled_exact), figure(row.sampled_excused, 0), share(row.acceptance_rate), share(row.exit_rate)],
      ...[share(row.layers_saved), share(row.top1_agreement)],
    ]),
  );
}

/** How fast they are. */
export function strategiesTable(ablated: readonly Ablated[]): string {
  return table(
    [
      ...['model', 'strategy', 'cache', 'prompts', 'tokens_per_second', 'speedup', 'its median', 'predicted_speedup'],
      ...['acceptance_rate', 'exit_rate', 'layers_saved', 'exact'],
    ],
    ablated.map(({ row, how }) => [
      ...[row.model, named(row.strategy, how), row.cache, String(row.prompts), figure(row.tokens_per_second, 0)],
      row.speedup_interval === null
        ? figure(row.speedup)
        : `${figure(row.speedup)} (${row.speedup_interval.map((end) => end.toFixed(2)).join('–')})`,
      ...[figure(row.speedup_median), figure(row.predicted_speedup), share(row.acceptance_rate), share(row.exit_rate)],
      ...[share(row.layers_saved), yes(row.exact)],
    ]),
  );
}

/** What was led through albums, by their size and by bytes. */
export function cachesTable(ablated: readonly Ablated[]): string {
  const sorted = [...ablated].sort((a, b) => (a.pictures ?? 0) - (b.pictures ?? 0) || (a.row.kv_ratio ?? 0) - (b.row.kv_ratio ?? 0));
  return table(
    [
      ...['model', 'strategy', 'cache', 'pictures', 'kv_bytes_per_token', 'kv_ratio', 'kl_mean', 'kl_p99', 'top1_agreement'],
      ...['of captions', 'tokens'],
    ],
    sorted.map(({ row, pictures }) => [
      ...[row.model, row.strategy, `\`${row.cache}\``, String(pictures ?? NONE), figure(row.kv_bytes_per_token, 0)],
      ...[`${figure(row.kv_ratio)}×`, small(row.kl_mean), small(row.kl_p99), share(row.top1_agreement, 2)],
      ...[share(row.caption_top1_agreement, 2), String(row.forced_tokens)],
    ]),
  );
}

export function speculationTable(results: Measurements['speculation']): string {
  return table(
    [
      ...['model', 'strategy', 'cache', 'acceptance_rate', 'c', 'guesses', 'tokens_per_second', 'speedup', 'predicted_speedup', 'of it'],
      'ours / llama.cpp',
    ],
    results.map((one) => [
      ...[one.model, `speculative: ${one.draft}`, 'full', share(one.acceptance), figure(one.c, 3), String(one.guesses)],
      ...[spread(one.tokens_per_second, 1), spread(one.speedup), figure(one.predicted_speedup), share(one.of_predicted)],
      one.peer === null ? NONE : spread(one.peer.ours_over_theirs),
    ]),
  );
}

export function plantedTable(planted: Measurements['planted']): string {
  return table(
    ['model', 'strategy', 'cache', 'speedup', 'predicted_speedup', 'acceptance_rate', 'exit_rate', 'layers_saved'],
    planted.flatMap(({ model, results }) =>
      results.map((one) => [
        ...[model, one.name, 'full', spread(one.speedup), figure(one.predicted_speedup), share(one.acceptance)],
        ...[share(one.exit_rate), share(one.layers_saved)],
      ]),
    ),
  );
}

export function longCachesTable(longCaches: Measurements['longCaches']): string {
  return table(
    ['model', 'strategy', 'cache', 'tokens before', 'ms a token', 'speedup', 'MiB'],
    longCaches.flatMap(({ model, context, results }) =>
      results.map((one) => [
        ...[model, 'plain', `\`${one.cache}\``, String(context), spread(one.ms_per_token, 1), spread(one.speedup)],
        (one.cache_bytes / 2 ** 20).toFixed(1),
      ]),
    ),
  );
}

/** Answers that were said freely over each cache, those of the largest share of exact captions first. */
export function answersTable(albums: readonly Evaluated[]): string {
  return table(
    ['cache', 'questions right', 'in which picture', 'captions exact'],
    byCaptions(albums).map((one) => [`\`${one.name}\``, right(one), withInterval(one, 'vqa.by_kind.picture'), exact(one)]),
  );
}

/** The same with fewer image tokens, in scenes and in albums. */
export function pruningTable(scenes: readonly Evaluated[], albums: readonly Evaluated[]): string {
  const inAlbums = new Map(albums.map((one) => [one.name, one]));
  const names = new Set([...byCaptions(scenes), ...byCaptions(albums)].map(({ name }) => name));
  return table(
    ['image tokens', 'scenes: questions', 'scenes: captions', 'albums: questions', 'albums: captions'],
    [...names].map((name) => {
      const found = [scenes.find((one) => one.name === name), inAlbums.get(name)];
      return [name, ...found.flatMap((one) => (one === undefined ? [NONE, NONE] : [right(one), exact(one)]))];
    }),
  );
}

const byCaptions = (evaluated: readonly Evaluated[]): Evaluated[] =>
  [...evaluated].sort((a, b) => b.caption.exact - a.caption.exact || b.vqa.accuracy - a.vqa.accuracy);
const right = (one: Evaluated): string => withInterval(one, 'vqa.accuracy');
const exact = (one: Evaluated): string => withInterval(one, 'caption.exact');

function withInterval(one: Evaluated, name: string): string {
  const values: Record<string, number | undefined> = {
    'vqa.accuracy': one.vqa.accuracy,
    'caption.exact': one.caption.exact,
    'vqa.by_kind.picture': one.vqa.by_kind['picture'],
  };
  const [low, high] = one.intervals[name] ?? [NaN, NaN];
  const value = values[name];
  return value === undefined ? NONE : `${share(value)} (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
}
