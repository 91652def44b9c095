import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { PictureTruth } from '../../bench/scenarios/vlm/measure-picture.js';
import { EdgeVlmError } from '../../core/errors.js';
import { TRUTHS_FILE } from '../../data/copies/copied-truths.js';
import { SceneObject } from '../../data/scenes/truth.js';
import { describedObjects } from '../commands/eval-scene-pictures.js';

/** A line of `truths.jsonl` as far as it is needed here; somebody's own reference captions need no objects. */
const Truth = Type.Object({
  file: Type.String({ minLength: 1 }),
  caption: Type.String({ minLength: 1 }),
  variants: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
  objects: Type.Optional(Type.Array(SceneObject)),
});

/**
 * Reads what is true of the pictures of a folder.
 * @returns truths by file, relative to the folder, in the order of the lines; null where the folder has no `truths.jsonl`
 * @throws EdgeVlmError FILE_UNREADABLE with the line
 */
export async function readPictureTruths(folder: string): Promise<ReadonlyMap<string, PictureTruth> | null> {
  const file = path.join(folder, TRUTHS_FILE);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null;
    throw new EdgeVlmError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  if (text === null) return null;
  const truths = new Map<string, PictureTruth>();
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const { file: picture, caption, variants = [], objects } = parse(line, `${file}, line ${at + 1}`);
    if (path.isAbsolute(picture) || path.normalize(picture).split(path.sep).includes('..')) {
      throw new EdgeVlmError('FILE_UNREADABLE', `${file}, line ${at + 1} names a picture outside of the folder`);
    }
    truths.set(picture, { captions: [caption, ...variants], objects: objects === undefined ? null : describedObjects(objects) });
  }
  return truths;
}

function parse(line: string, place: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${place} is not JSON`, { cause });
  }
  if (Value.Check(Truth, value)) return value;
  const error = Value.Errors(Truth, value)[0];
  throw new EdgeVlmError('FILE_UNREADABLE', `${place} is not a truth: ${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`);
}
