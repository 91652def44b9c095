import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { findModel } from '../../catalogue/find-model.js';
import { availableMemory, residentMemory } from '../../core/available-memory.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { CoolingPause } from '../../serving/cooling-pause.js';
import { MemoryLedger } from '../../serving/memory-ledger.js';
import { ModelPool } from '../../serving/model-pool.js';
import type { ModelShelf } from '../../serving/model-shelf.js';
import type { ServableModel } from '../../serving/servable-model.js';
import type { ServedModelsOptions } from '../options/served-model-options.js';
import type { Session } from '../session.js';
import { FolderShelf } from './folder-shelf.js';
import { type ModelFiles, servableModel, type ServedModelOptions } from './open-served-model.js';

type Options = Omit<ServedModelOptions, 'context'> &
  ServedModelsOptions & { readonly maxQueue: number; readonly cooling: CoolingPause | undefined };

/** The models of a server. */
export interface OpenModels {
  readonly pool: ModelPool;
  readonly shelf: ModelShelf;
  /** Loads those that were asked for. @throws what loading the first throws, with `preload` any of them; MEMORY_BUDGET for any */
  readonly start: () => Promise<void>;
}

const BOX_MODEL = 'shapes';

/**
 * Finds the models that a server is to start with; none is loaded.
 * @throws EdgeVlmError as `findModel` and `servableModel`; FILE_NOT_FOUND for a folder that is none
 */
export async function openModels(options: Options, logger: Logger, session: Session): Promise<OpenModels> {
  const { parallel, maxQueue, cooling, memoryBudget: budget, modelsDir: folders, preload } = options;
  for (const folder of folders) {
    await readdir(folder).catch((cause: unknown) => {
      throw new EdgeVlmError('FILE_NOT_FOUND', `${folder} is not a folder that can be read`, { cause });
    });
  }
  const sources: ServableModel[] = [];
  const started = new Map<string, string>();
  for (const model of options.model.length === 0 ? [BOX_MODEL] : options.model) {
    const isFirst = sources.length === 0;
    const files = await filesOf(model, isFirst ? options.mmproj : undefined);
    if (started.has(files.name)) {
      throw new EdgeVlmError('USAGE', `two models would be called ${files.name}`, { hint: 'Give one of the files another name.' });
    }
    started.set(files.name, files.model);
    sources.push(await servableModel(files, isFirst ? options : ofAnother(options), session));
  }
  const shelf = new FolderShelf({
    folders,
    started,
    open: (files, own) => servableModel(files, { ...ofAnother(options), ...own }, session),
  });
  const ledger = new MemoryLedger({ budget, available: availableMemory, resident: residentMemory });
  const pool = new ModelPool({ ledger, logger, admission: { slots: parallel, maxQueue, ...(cooling && { pause: cooling }) } });
  const start = async (): Promise<void> => {
    const stop = (): void => void pool.close();
    session.signal.addEventListener('abort', stop, { once: true });
    try {
      session.signal.throwIfAborted();
      const loads = sources.map((source) => pool.load(source).done);
      await (preload === true ? Promise.all(loads) : loads[0]);
      for (const [index, load] of loads.entries()) {
        load.catch((error: unknown) => {
          logger.error('a model could not be loaded', { model: sources[index]?.names[0], error });
        });
      }
    } finally {
      session.signal.removeEventListener('abort', stop);
    }
  };
  return { pool, shelf, start };
}

async function filesOf(wanted: string, half: string | undefined): Promise<ModelFiles> {
  const { model, mmproj } = await findModel({ model: wanted, mmproj: half });
  return { name: basename(wanted), model, ...(mmproj !== undefined && { mmproj }) };
}

/** A draft guesses for one model, and what needs a draft does not hold where there is none. */
function ofAnother(options: Options): Options {
  const others: { -readonly [Name in keyof Options]: Options[Name] } = { ...options };
  delete others.draft;
  delete others.draftView;
  if (options.decoding === 'speculative') delete others.decoding;
  // A file is of one model; the records that are kept are looked through for any.
  if (options.calibration !== 'none') delete others.calibration;
  return others;
}
