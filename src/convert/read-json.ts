import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../core/errors.js';
import { readSmallFile } from './read-small-file.js';

/**
 * A JSON file of a checkpoint, checked.
 * @returns undefined where the file does not exist.
 * @throws EdgeVlmError CHECKPOINT_INVALID (names the first place that is wrong), FILE_UNREADABLE.
 */
export async function readJson<Schema extends TSchema>(path: string, schema: Schema): Promise<Static<Schema> | undefined> {
  const bytes = await readSmallFile(path);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} is not JSON`, { cause: error });
  }
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw new EdgeVlmError('CHECKPOINT_INVALID', `${path}: ${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`);
}
