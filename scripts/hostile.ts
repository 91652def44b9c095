// `npx tsx scripts/hostile.ts models|images [--count N] [--campaign N]`: the whole hostile campaign, of which `npm test` runs 2 %.
// Goes on where it stopped: Ctrl-C keeps what is done, and so does a power cut, but for the last seconds.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomically } from '../src/core/write-file-atomically.js';
import { emptyReport, type HostileReport } from '../test/hostile/hostile-run.js';
import { runHostileImages } from '../test/hostile/images/run-hostile-images.js';
import { seedImages } from '../test/hostile/images/seed-images.js';
import { runHostileModels } from '../test/hostile/models/run-hostile-models.js';
import { seedModels } from '../test/hostile/models/seed-models.js';

const SAVE_EVERY_MS = 5000;
const DEFAULT_COUNTS = { models: 100_000, images: 10_000 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, campaign: { type: 'string', default: '1' }, out: { type: 'string', default: 'outputs/hostile' } },
});
const kind = positionals[0] === 'images' ? 'images' : 'models';
const end = Number(values.count ?? DEFAULT_COUNTS[kind]);
const campaign = Number(values.campaign);
await mkdir(values.out, { recursive: true });
const path = join(values.out, `${kind}-${campaign}.json`);
const report = await readFile(path, 'utf8').then(
  (text) => JSON.parse(text) as HostileReport,
  () => emptyReport(campaign),
);

const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
});
const started = { at: performance.now(), index: report.next };
let saved = 0;
const onCase = async (): Promise<void> => {
  if (performance.now() - saved < SAVE_EVERY_MS && report.next < end && !stop.signal.aborted) return;
  saved = performance.now();
  const rate = (report.next - started.index) / ((saved - started.at) / 1000);
  await writeFileAtomically(path, (write) => write(Buffer.from(`${JSON.stringify(report, null, 2)}\n`)));
  console.log(`${report.next} of ${end} ${kind}, ${rate.toFixed(1)} a second, ${report.failures.length} failures`);
};
const folder = await mkdtemp(join(tmpdir(), 'edgevlm-hostile-'));
try {
  const options = { signal: stop.signal, onCase };
  if (kind === 'models') await runHostileModels(await seedModels(folder), folder, report, end, options);
  else await runHostileImages(await seedImages(), report, end, options);
} finally {
  await rm(folder, { recursive: true });
}
for (const { index, what, reason } of report.failures) console.log(`case ${index} (${what}): ${reason}`);
console.log(`${report.next} cases, ${report.failures.length} failures; the report is ${path}`);
process.exitCode = stop.signal.aborted ? 130 : report.failures.length === 0 && report.next >= end ? 0 : 1;
