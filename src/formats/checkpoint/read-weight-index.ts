import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import { openFile } from '../open-file.js';

/** The index of a 30,000-tensor checkpoint takes about 3 MB. */
const MAX_INDEX_BYTES = 32 * 2 ** 20;
const Index = Type.Object({ weight_map: Type.Record(Type.String(), Type.String()) });

/**
 * Which file of a checkpoint in parts holds which tensor.
 * @returns undefined where there is no index
 * @throws EdgeVlmError `invalid`, also for files of another extension or outside the folder; FILE_UNREADABLE
 */
export async function readWeightIndex(
  path: string,
  { extension, invalid }: { readonly extension: string; readonly invalid: ErrorCode },
): Promise<Map<string, string> | undefined> {
  let index: unknown;
  try {
    const { handle, bytes } = await openFile(path);
    try {
      if (bytes > MAX_INDEX_BYTES) throw new EdgeVlmError(invalid, `${path} has over ${MAX_INDEX_BYTES} bytes`);
      index = JSON.parse(await readFile(handle, 'utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof EdgeVlmError && error.code === 'FILE_NOT_FOUND') return undefined;
    if (error instanceof EdgeVlmError) throw error;
    throw new EdgeVlmError(invalid, `${path} is not JSON`, { cause: error });
  }
  if (!Value.Check(Index, index)) throw new EdgeVlmError(invalid, `${path} has no weight_map of names and files`);
  const weightMap = new Map(Object.entries(index.weight_map));
  for (const file of weightMap.values()) {
    // A name with a folder in it would read files outside the checkpoint.
    if (file !== basename(file) || file.includes('\\') || !file.endsWith(extension)) {
      throw new EdgeVlmError(invalid, `${path} names the file ${JSON.stringify(file)}`);
    }
  }
  return weightMap;
}
