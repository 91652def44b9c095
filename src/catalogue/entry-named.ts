import { basename } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import { CATALOGUE } from './catalogue.js';
import type { ModelEntry } from './model-entry.js';

/** The entry with this name or alias, in any case; undefined where there is none. */
export function findEntry(name: string, catalogue: readonly ModelEntry[] = CATALOGUE): ModelEntry | undefined {
  const wanted = name.toLowerCase();
  return catalogue.find((entry) => [entry.name, ...entry.aliases].some((candidate) => candidate.toLowerCase() === wanted));
}

/** The shipped entry whose model file has this name; undefined where there is none. */
export function shippedAs(model: string, catalogue: readonly ModelEntry[] = CATALOGUE): ModelEntry | undefined {
  return catalogue.find(
    ({ shipped, files }) => shipped && files.some(({ as, role }) => role === 'model' && basename(as) === basename(model)),
  );
}

/** Like {@link findEntry}, for a name that must be there. @throws EdgeVlmError MODEL_UNKNOWN */
export function entryNamed(name: string, catalogue: readonly ModelEntry[] = CATALOGUE): ModelEntry {
  const entry = findEntry(name, catalogue);
  if (entry !== undefined) return entry;
  throw new EdgeVlmError('MODEL_UNKNOWN', `the catalogue has no model ${JSON.stringify(name)}`, {
    hint: `There are ${catalogue.map((known) => known.name).join(', ')}.`,
  });
}
