import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { NOTHING_SENT } from './cut-batch.js';
import { type MlflowRun, parseMlflowRun } from './mlflow-run.js';
import { withSpoolLock } from './spool-lock.js';

const Count = Type.Integer({ minimum: 0 });
/** What the server is known to have of a run. */
export const SendProgress = Type.Object(
  {
    server: Type.String({ description: 'The one that is spoken of; another one has nothing.' }),
    /** Attempts to make the run: after more than one there may be two. */
    creations: Count,
    experimentId: Type.Optional(Type.String()),
    runId: Type.Optional(Type.String()),
    /** Whether the run was there when it was first looked for, so that any part of it may be on the server. */
    found: Type.Boolean(),
    sent: Type.Object({ params: Count, tags: Count, metrics: Count }),
    artifacts: Type.Array(Type.String()),
    /** Why it is still here. */
    failure: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  },
  { additionalProperties: false },
);
export type SendProgress = Static<typeof SendProgress>;

const ENTRY = '.run.json';
const PROGRESS = '.progress.json';

/**
 * Runs on their way to MLflow, in a folder: `KEY.run.json` is what is to be sent and never changes, `KEY.progress.json` how far that has
 * come. Both are replaced whole, so that a process killed at any moment leaves a spool that can be read.
 */
export class Spool {
  /** @param directory made when the first run is added */
  constructor(readonly directory: string) {}

  /** Adds a run; one with its key that still waits is replaced and sent from the start. @throws FILE_UNWRITABLE */
  async add(run: MlflowRun): Promise<void> {
    await this.#makeDirectory();
    await rm(this.#file(run.key, PROGRESS), { force: true });
    await write(this.#file(run.key, ENTRY), run);
  }

  /** Keys of what waits, oldest first: they start with the time. */
  async keys(): Promise<string[]> {
    const names = await readdir(this.directory).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.directory} cannot be read`, { cause });
    });
    return names
      .filter((name) => name.endsWith(ENTRY) && !name.startsWith('.'))
      .map((name) => name.slice(0, -ENTRY.length))
      .sort();
  }

  /** @throws FILE_UNREADABLE */
  async load(key: string): Promise<MlflowRun> {
    const file = this.#file(key, ENTRY);
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new EdgeVlmError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
    });
    const run = parseMlflowRun(text, file);
    if (run.key !== key) throw new EdgeVlmError('FILE_UNREADABLE', `${file} is about ${run.key}`);
    return run;
  }

  /** How far a run has come with one server; nothing when that is not known, which costs a look at the server and nothing else. */
  async progress(key: string, server: string): Promise<SendProgress> {
    const text = await readFile(this.#file(key, PROGRESS), 'utf8').catch(() => '');
    const nothing: SendProgress = { server, creations: 0, found: false, sent: NOTHING_SENT, artifacts: [] };
    try {
      const progress: unknown = JSON.parse(text);
      return Value.Check(SendProgress, progress) && progress.server === server ? progress : nothing;
    } catch {
      // Missing or damaged.
      return nothing;
    }
  }

  /** @throws FILE_UNWRITABLE */
  async saveProgress(key: string, progress: SendProgress): Promise<void> {
    await write(this.#file(key, PROGRESS), progress);
  }

  /** @returns whether there was such a run @throws FILE_UNWRITABLE */
  async remove(key: string): Promise<boolean> {
    const waiting = (await this.keys()).includes(key);
    try {
      // In this order: progress without a run is nothing, a run without progress is looked up on the server.
      await rm(this.#file(key, ENTRY), { force: true });
      await rm(this.#file(key, PROGRESS), { force: true });
    } catch (cause) {
      throw new EdgeVlmError('FILE_UNWRITABLE', `${this.#file(key, ENTRY)} cannot be removed`, { cause });
    }
    return waiting;
  }

  /** Runs `work` while no other process sends. @throws MLFLOW_BUSY, FILE_UNWRITABLE */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    await this.#makeDirectory();
    return withSpoolLock(join(this.directory, '.lock'), work);
  }

  async #makeDirectory(): Promise<void> {
    try {
      // What waits here may be meant for few eyes.
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new EdgeVlmError('FILE_UNWRITABLE', `${this.directory} cannot be made`, { cause });
    }
  }

  #file(key: string, kind: string): string {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(key)) throw new EdgeVlmError('USAGE', `"${key}" is not the id of a run`);
    return join(this.directory, key + kind);
  }
}

async function write(file: string, value: object): Promise<void> {
  await writeFileAtomically(file, (append) => append(Buffer.from(JSON.stringify(value))));
}
