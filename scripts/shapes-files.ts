import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** Writes the catalogue's list of what models/shapes holds; with `--check` writes nothing and fails when the list is not what is there. */
const MODELS = fileURLToPath(new URL('../models/', import.meta.url));
const LIST = fileURLToPath(new URL('../src/catalogue/shapes-files.ts', import.meta.url));

/** Which of the shipped models a file belongs to, by its path; the card and its curves belong to none. */
const OWNERS: readonly (readonly [pattern: RegExp, model: string])[] = [
  [/^shapes\/(?:shapes-draft-vision-|draft-vision\/)/, 'shapes-draft-vision'],
  [/^shapes\/(?:shapes-draft-|draft\/)/, 'shapes-draft'],
  [/^shapes\/(?:shapes-|mmproj-|hf\/|onnx\/)/, 'shapes'],
];

const paths = (await readdir(`${MODELS}shapes`, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice(MODELS.length))
  .sort();
const rows = new Map<string, string[]>([...OWNERS].reverse().map(([, model]) => [model, []]));
for (const path of paths) {
  const owner = OWNERS.find(([pattern]) => pattern.test(path))?.[1];
  if (owner === undefined) continue;
  const bytes = await readFile(MODELS + path);
  const role = !path.endsWith('.gguf') ? 'other' : path.includes('/mmproj-') ? 'mmproj' : 'model';
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  rows.get(owner)?.push(`shipped('${path}', '${role}', ${String(bytes.length)}, '${sha256}')`);
}
const source = `import type { CatalogueFile } from './model-entry.js';

/** What \`models/shapes\` holds, by model; written by scripts/shapes-files.ts. */
export const SHAPES_FILES = {
${[...rows].map(([model, files]) => `'${model}': [${files.join(',')}],`).join('\n')}
} as const satisfies Record<string, readonly CatalogueFile[]>;

function shipped(path: string, role: CatalogueFile['role'], bytes: number, sha256: string): CatalogueFile {
  return { path, as: path, role, bytes, sha256, listedSize: null };
}
`;
const text = await format(source, { ...(await resolveConfig(LIST)), parser: 'typescript' });
if (process.argv.includes('--check')) {
  if (text !== (await readFile(LIST, 'utf8'))) {
    console.error('src/catalogue/shapes-files.ts is not what models/shapes holds; run: npx tsx scripts/shapes-files.ts');
    process.exitCode = 1;
  }
} else {
  await writeFile(LIST, text);
}
