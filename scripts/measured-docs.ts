// `npx tsx scripts/measured-docs.ts FILE.json…`: writes tables and charts of docs/OPTIMIZATIONS.md and docs/KV_CACHE.md from results, of any
// number and in any order: `report.json` of `bench engine --ablate`, what scripts/true-size/measure-*.ts wrote, `eval albums --json` and
// `eval scenes --json` (their file's name says what of: `gear:4.json`, `6 of 16, pooling.json`). What no file tells about stays as it is.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { frontierChart, speedupChart } from './measured/measured-charts.js';
import * as tables from './measured/measured-tables.js';
import { readMeasurements, type Ablated } from './measured/read-measurements.js';

/** What fewer tokens were led along says little of the 99th percentile. */
const LEAST_TOKENS = 20_000;
const DOCS = ['docs/OPTIMIZATIONS.md', 'docs/KV_CACHE.md'];

const measured = await readMeasurements(process.argv.slice(2));
const led = measured.ablated.filter(({ row, pictures }) => pictures !== null && row.forced_tokens >= LEAST_TOKENS);
const free = measured.ablated.filter(({ pictures, row }) => pictures === null && row.prompts > 0);
// Plain decoding is in every report.
const isFirst = ({ row }: Ablated, at: number, all: readonly Ablated[]): boolean =>
  row.strategy !== 'plain' ||
  row.cache !== 'full' ||
  all.findIndex((one) => one.row.strategy === 'plain' && one.row.model === row.model) === at;
const strategies = free.filter(({ isFixed }) => !isFixed).filter(isFirst);
const counted = free.filter(({ isFixed, row }) => isFixed && row.strategy !== 'plain');
const isPruned = ({ name }: { readonly name: string }): boolean => name.includes(' of ');
// Points of one chart are of conversations that are as long: of those that most caches were led through.
const sizes = [...new Set(led.map(({ pictures }) => pictures))].map((size) => led.filter(({ pictures }) => pictures === size));
const [drawn = []] = sizes.sort((a, b) => b.length - a.length);
const chart = (name: string, words: string): string => `![${words}](images/${name})\n\n`;

/** By the name between `<!-- measured: NAME -->` and `<!-- end -->`. */
const blocks: Record<string, string | null> = {
  counts: counted.length === 0 ? null : tables.countsTable(counted),
  strategies: strategies.length === 0 ? null : tables.strategiesTable(strategies),
  caches: led.length === 0 ? null : `${chart('kv-frontier.svg', 'mean KL by how many times smaller a cache is')}${tables.cachesTable(led)}`,
  speculation: measured.speculation.length === 0 ? null : tables.speculationTable(measured.speculation),
  planted:
    measured.planted.length === 0
      ? null
      : `${tables.plantedTable(measured.planted)}\n\n${chart('speedups.svg', 'speed-up by strategy, measured and predicted')}`,
  'long caches': measured.longCaches.length === 0 ? null : tables.longCachesTable(measured.longCaches),
  answers: measured.albums.length === 0 ? null : tables.answersTable(measured.albums.filter((one) => !isPruned(one))),
  pruning:
    measured.scenes.length === 0
      ? null
      : tables.pruningTable(
          measured.scenes,
          measured.albums.filter((one) => one.name === 'full' || isPruned(one)),
        ),
};

await mkdir('docs/images', { recursive: true });
if (led.length > 0) await writeFile('docs/images/kv-frontier.svg', frontierChart(drawn));
if (measured.speculation.length + measured.planted.length > 0) await writeFile('docs/images/speedups.svg', speedupChart(measured));
for (const file of DOCS) {
  const text = await readFile(file, 'utf8');
  const filled = text.replace(/(<!-- measured: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g, (whole, start: string, name: string, end: string) => {
    const block = blocks[name];
    return block === null || block === undefined ? whole : `${start}\n${block}\n\n${end}`;
  });
  await writeFile(file, await format(filled, { ...(await resolveConfig(file)), filepath: file }));
  console.log(file);
}
