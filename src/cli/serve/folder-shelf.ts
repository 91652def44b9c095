import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import { findEntry } from '../../catalogue/entry-named.js';
import { fileSize } from '../../catalogue/file-size.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { AvailableModel, LoadRequest, ModelShelf } from '../../serving/model-shelf.js';
import type { ServableModel } from '../../serving/servable-model.js';
import type { ModelFiles } from './open-served-model.js';

/** A file that clients may name. */
interface ShelvedModel {
  readonly name: string;
  readonly path: string;
  /** The folder of clients' choices that it is in; null for one that the server was told of otherwise. */
  readonly root: string | null;
}

export interface FolderShelfOptions {
  /** Folders whose GGUF files may be loaded, with their subfolders. */
  readonly folders: readonly string[];
  /** Models that the server was started with, by the names they have there. */
  readonly started: ReadonlyMap<string, string>;
  /** @param own what belongs to this model alone */
  readonly open: (files: ModelFiles, own: Pick<LoadRequest, 'draft' | 'draftView' | 'context'>) => Promise<ServableModel>;
}

const GGUF_FILE = /^[^.].*\.gguf$/i;
const MMPROJ_FILE = /mmproj.*\.gguf$/i;
/** Names in a message to a client. */
const LISTED = 20;

/**
 * The models that clients may load: those that the server was started with, GGUF files of the folders given, and entries of the
 * catalogue whose files are here. Names are looked up in that list and never made into paths; links that lead out of a folder are
 * passed over.
 */
export class FolderShelf implements ModelShelf {
  constructor(private readonly options: FolderShelfOptions) {}

  async list(): Promise<AvailableModel[]> {
    const sizes = [...(await this.#models())].map(async ([name, { path }]) => ({ name, fileBytes: (await fileSize(path)) ?? 0 }));
    return Promise.all(sizes);
  }

  async find({ model, name, mmproj, draft, draftView, context }: LoadRequest): Promise<ServableModel> {
    const models = await this.#models();
    const shelved = named(model, models);
    // Whoever loaded it as `shapes:q8_0` asks for it by that name.
    const names = name === undefined ? { name: shelved.name, alias: model } : { name };
    const files = { ...names, model: shelved.path, ...(await mmprojFor(shelved, mmproj)) };
    return this.options.open(files, {
      ...(draft !== undefined && { draft: named(draft, models).path }),
      ...(draftView !== undefined && { draftView }),
      ...(context !== undefined && { context }),
    });
  }

  /** By name; where two have the same, the first. */
  async #models(): Promise<ReadonlyMap<string, ShelvedModel>> {
    const { folders, started } = this.options;
    const models = new Map<string, ShelvedModel>();
    for (const [name, path] of started) models.set(name, { name, path, root: null });
    for (const folder of folders) {
      for (const path of await filesIn(folder)) {
        const name = basename(path).replace(/\.gguf$/i, '');
        if (!models.has(name)) models.set(name, { name, path, root: folder });
      }
    }
    for (const { name, kind } of CATALOGUE) {
      if (models.has(name) || (kind !== 'text' && kind !== 'vision-language')) continue;
      const path = await findModel({ model: name, vision: false }).then(
        (found) => found.model,
        () => undefined,
      );
      if (path !== undefined) models.set(name, { name, path, root: null });
    }
    return models;
  }
}

/** `shapes`, `shapes.gguf`, `shapes:q8_0` and what else the catalogue knows it by. @throws MODEL_UNKNOWN */
function named(asked: string, models: ReadonlyMap<string, ShelvedModel>): ShelvedModel {
  const plain = asked.replace(/\.gguf$/i, '');
  const found =
    models.get(asked) ?? models.get(plain) ?? models.get(plain.replace(':', '-')) ?? models.get(findEntry(plain)?.name ?? plain);
  if (found !== undefined) return found;
  const names = [...models.keys()];
  const listed = `${names.slice(0, LISTED).join(', ')}${names.length > LISTED ? ', …' : ''}`;
  throw new EdgeVlmError('MODEL_UNKNOWN', `there is no model ${JSON.stringify(asked.slice(0, 64))} here that could be loaded`, {
    hint: `There are ${listed || 'none'}; files are found in the folders that the server was given with --models-dir.`,
  });
}

/** @throws FILE_NOT_FOUND, MMPROJ_MISSING */
async function mmprojFor({ path, root }: ShelvedModel, asked: string | undefined): Promise<{ mmproj?: string }> {
  if (asked !== undefined && asked !== basename(asked)) throw missing(asked);
  const mmproj = asked === undefined ? (await findModel({ model: path })).mmproj : join(dirname(path), asked);
  if (mmproj === undefined) return {};
  const name = basename(mmproj);
  if (asked !== undefined && (!GGUF_FILE.test(name) || (await fileSize(mmproj)) === undefined)) throw missing(name);
  if ((asked !== undefined || root !== null) && !(await isInside(root ?? dirname(path), mmproj))) throw missing(name);
  return { mmproj };
}

function missing(asked: string): EdgeVlmError {
  return new EdgeVlmError('FILE_NOT_FOUND', `there is no vision half ${JSON.stringify(asked.slice(0, 64))} beside the model`);
}

/** GGUF files of a folder and its subfolders, sorted; links that lead out of it are none. */
async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  const names = await namesIn(folder);
  for (const name of names) if (isModel(name)) files.push(join(folder, name));
  for (const name of names) {
    if (name.startsWith('.')) continue;
    for (const inner of await namesIn(join(folder, name))) if (isModel(inner)) files.push(join(folder, name, inner));
  }
  const kept = await Promise.all(files.map(async (path) => (await fileSize(path)) !== undefined && (await isInside(folder, path))));
  return files.filter((_, index) => kept[index]);
}

function isModel(name: string): boolean {
  return GGUF_FILE.test(name) && !MMPROJ_FILE.test(name);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/** Whether a path leads into a folder once all links are followed. */
async function isInside(folder: string, path: string): Promise<boolean> {
  const [around, inner] = await Promise.all([folder, path].map((one) => realpath(one).catch(() => null)));
  if (around == null || inner == null) return false;
  const way = relative(around, inner);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
