import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import { findEntry, shippedAs } from './entry-named.js';
import { fileSize } from './file-size.js';
import { searchFolders } from './models-folders.js';
import { findPulled, mmprojPulledWith } from './pull/find-pulled.js';

export interface ModelRequest {
  /** A path, a file name, or a name with an optional precision: `shapes`, `shapes:q8_0`. */
  readonly model: string;
  /** A path, or the name of a file beside the model. Default: the one file beside the model that is called `*mmproj*.gguf`. */
  readonly mmproj?: string | undefined;
  /** False for work without pictures: then nothing is looked for beside the model. Default true. */
  readonly vision?: boolean;
}

export interface FoundModel {
  /** Path of the language half. */
  readonly model: string;
  /** Path of the vision half; absent when there is none. */
  readonly mmproj?: string;
  /** Whether the vision half was taken because it lies beside a model that was given by its path. */
  readonly mmprojGuessed: boolean;
}

/** Precision of a name that does not say one. */
const DEFAULT_PRECISION = 'f16';
/** No separators and no leading dot, so a name cannot leave the folder it is looked up in. */
const NAME = /^(?<stem>[a-z0-9][\w.+-]*?)(?<extension>\.gguf)?(?::(?<precision>[a-z0-9_]+))?$/i;
const GGUF_FILE = /\.gguf$/i;
const MMPROJ_FILE = /mmproj.*\.gguf$/i;

/**
 * Resolves what a user calls a model to files. A file at that path wins; else a name is looked up in `folders`, in their
 * subfolders and in the Hub cache's snapshots: `shapes:q8_0` is `shapes-q8_0.gguf`, and `shapes` is `shapes-f16.gguf` or `shapes.gguf`.
 * A name no file has may be one of the catalogue's; then it means what `models pull` brought.
 * @throws EdgeVlmError FILE_NOT_FOUND, telling where was looked; MMPROJ_MISSING when several files could be the vision half.
 */
export async function findModel(request: ModelRequest, folders: readonly string[] = searchFolders()): Promise<FoundModel> {
  const isPath = await isFile(request.model);
  const model = isPath ? request.model : await findByName(request.model, folders);
  if (request.mmproj !== undefined) return { model, mmproj: await findMmproj(request.mmproj, model), mmprojGuessed: false };
  const beside = request.vision === false ? undefined : await mmprojOf(model);
  return { model, ...(beside !== undefined && { mmproj: beside }), mmprojGuessed: isPath && beside !== undefined };
}

async function findByName(wanted: string, folders: readonly string[]): Promise<string> {
  const { stem, extension, precision } = NAME.exec(wanted)?.groups ?? {};
  if (stem === undefined || (extension !== undefined && precision !== undefined)) {
    // Some of the catalogue's names are those of repositories, with a slash.
    const pulled = await findPulled(wanted, folders);
    if (pulled !== undefined) return pulled.model;
    throw new EdgeVlmError('FILE_NOT_FOUND', `${wanted} does not exist`, {
      hint: 'Check the path, or use the name of a model, such as shapes or shapes:q8_0.',
    });
  }
  const names = extension !== undefined ? [wanted] : precision !== undefined ? [`${stem}-${precision}.gguf`] : defaultNames(stem);
  const others = new Set<string>();
  for (const folder of folders) {
    for await (const place of placesIn(folder)) {
      const files = await namesIn(place);
      for (const name of names) {
        const file = files.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
        if (file !== undefined && (await isFile(join(place, file)))) return join(place, file);
      }
      for (const file of files) if (isPrecisionOf(stem, file)) others.add(file);
    }
  }
  const pulled = await findPulled(wanted, folders);
  if (pulled !== undefined) return pulled.model;
  const entry = findEntry(wanted);
  const found = others.size === 0 ? '' : `; of ${stem} there is ${[...others].join(', ')}`;
  throw new EdgeVlmError('FILE_NOT_FOUND', `there is no file ${wanted} and no ${names.join(' or ')} in ${folders.join(', ')}${found}`, {
    hint:
      entry === undefined || entry.shipped
        ? 'Check the spelling, or pass the path of a GGUF file with --model.'
        : `Download it: edgevlm models pull --model ${entry.name}`,
  });
}

function defaultNames(stem: string): string[] {
  return [`${stem}-${DEFAULT_PRECISION}.gguf`, `${stem}.gguf`];
}

function isPrecisionOf(stem: string, file: string): boolean {
  return file.toLowerCase().startsWith(`${stem.toLowerCase()}-`) && GGUF_FILE.test(file) && !MMPROJ_FILE.test(file);
}

/** The folder, its subfolders, and the snapshots of a Hub cache (`models--<owner>--<name>/snapshots/<commit>`). */
async function* placesIn(folder: string): AsyncGenerator<string, void, void> {
  yield folder;
  for (const name of await namesIn(folder)) {
    const inner = join(folder, name);
    if (!name.startsWith('models--')) yield inner;
    else for (const snapshot of await namesIn(join(inner, 'snapshots'))) yield join(inner, 'snapshots', snapshot);
  }
}

async function findMmproj(wanted: string, model: string): Promise<string> {
  if (await isFile(wanted)) return wanted;
  const beside = join(dirname(model), wanted);
  if (wanted === basename(wanted) && (await isFile(beside))) return beside;
  throw new EdgeVlmError('FILE_NOT_FOUND', `the vision half ${wanted} does not exist, neither here nor beside ${model}`);
}

/** What was shipped or pulled together with the model, else the one that lies beside it. */
async function mmprojOf(model: string): Promise<string | undefined> {
  // A draft reads no pictures, though its target's vision half lies beside it.
  const shipped = shippedAs(model);
  if (shipped !== undefined && !shipped.files.some(({ role }) => role === 'mmproj')) return undefined;
  const pulled = await mmprojPulledWith(model);
  return pulled === undefined ? mmprojBeside(model) : (pulled ?? undefined);
}

async function mmprojBeside(model: string): Promise<string | undefined> {
  const folder = dirname(model);
  const [first, ...more] = (await namesIn(folder)).filter((name) => MMPROJ_FILE.test(name) && name !== basename(model));
  if (first === undefined) return undefined;
  if (more.length === 0) return join(folder, first);
  throw new EdgeVlmError('MMPROJ_MISSING', `several files beside ${model} could be its vision half: ${[first, ...more].join(', ')}`, {
    hint: 'Pass the one that was made from the same model with --mmproj.',
  });
}

/** Names in a folder, sorted; none where it is no folder or cannot be read. */
async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function isFile(path: string): Promise<boolean> {
  return (await fileSize(path)) !== undefined;
}
