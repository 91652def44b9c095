import { readFile, writeFile } from 'node:fs/promises';
import type { TSchema } from 'typebox';
import { RunRecord } from '../src/core/run-record.js';

/** Files of schema/, generated from the TypeBox definitions that the code validates with. */
const SCHEMAS: Record<string, TSchema> = {
  'run-record.schema.json': RunRecord,
};

/** Writes schema/; with `--check` writes nothing and fails when a file is not what would be written. */
const check = process.argv.includes('--check');
const stale: string[] = [];
for (const [name, schema] of Object.entries(SCHEMAS)) {
  const url = new URL(`../schema/${name}`, import.meta.url);
  const text = `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }, null, 2)}\n`;
  const present = await readFile(url, 'utf8').catch(() => '');
  if (present === text) continue;
  if (check) stale.push(name);
  else await writeFile(url, text);
}
if (stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run: npm run schemas`);
  process.exitCode = 1;
}
