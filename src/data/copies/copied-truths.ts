import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';

/** What is true of the pictures of a folder, as `data scenes` writes it. */
export const TRUTHS_FILE = 'truths.jsonl';

/** The part of a truth that a copy changes; the rest is carried over as it is. */
const Named = Type.Object({ file: Type.String() });

/**
 * The truths of copied pictures, from the `truths.jsonl` of the folder they come from, with the copies' names.
 * @param names new names by the old ones
 * @returns lines with their ends, in the order of `names`; null where there are no truths of these pictures
 * @throws EdgeVlmError FILE_UNREADABLE for a file of truths that is none
 */
export async function copiedTruths(from: string, names: ReadonlyMap<string, string>): Promise<string | null> {
  const file = path.join(from, TRUTHS_FILE);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return '';
    throw new EdgeVlmError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  const lines = new Map<string, string>();
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const truth = parse(line, `${file}, line ${at + 1}`);
    const name = names.get(truth.file);
    if (name !== undefined) lines.set(truth.file, `${JSON.stringify({ ...truth, file: name })}\n`);
  }
  const ordered = [...names.keys()].flatMap((old) => lines.get(old) ?? []);
  return ordered.length === 0 ? null : ordered.join('');
}

function parse(line: string, place: string) {
  try {
    const value: unknown = JSON.parse(line);
    if (Value.Check(Named, value)) return value;
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${place} is not JSON`, { cause });
  }
  throw new EdgeVlmError('FILE_UNREADABLE', `${place} names no picture`);
}
