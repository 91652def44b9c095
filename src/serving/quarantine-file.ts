import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { EdgeVlmError } from '../core/errors.js';
import { writeFileAtomically } from '../core/write-file-atomically.js';

/** Hashes that are kept; the newest. */
const KEPT = 1000;
const LONGEST_BYTES = 256 * 1024;

const Contents = Type.Object({
  version: Type.Literal(1),
  /** SHA-256 of pictures, oldest first. */
  pictures: Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { maxItems: KEPT }),
});
type Contents = Static<typeof Contents>;
const contents = Compile(Contents);

/** Where hashes of pictures that ended the engine outlast the server: only hashes, and a bounded number. */
export class QuarantineFile {
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly path: string,
    /** Told when it cannot be written: the server goes on. */
    private readonly onError: (error: EdgeVlmError) => void,
  ) {}

  /** What is kept; empty where there is no file. @throws FILE_UNREADABLE for one that is not of this kind */
  async read(): Promise<string[]> {
    const size = await stat(this.path).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) return [];
    try {
      if (size > LONGEST_BYTES) throw new Error(`it has ${size} bytes`);
      const value: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      if (!contents.Check(value)) throw new Error('it holds something else');
      return value.pictures;
    } catch (cause) {
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.path} is not a list of pictures: ${cause instanceof Error ? cause.message : ''}`, {
        cause,
        hint: 'Start the server once with --forget-quarantine.',
      });
    }
  }

  /** Writes after what is being written. */
  write(hashes: readonly string[]): void {
    const value: Contents = { version: 1, pictures: hashes.slice(-KEPT) };
    this.#writing = this.#writing.then(async () => {
      try {
        await mkdir(dirname(this.path), { recursive: true });
        await writeFileAtomically(this.path, (write) => write(Buffer.from(`${JSON.stringify(value)}\n`)));
      } catch (thrown) {
        this.onError(EdgeVlmError.from(thrown, 'FILE_UNWRITABLE'));
      }
    });
  }

  /** @throws FILE_UNWRITABLE */
  async forget(): Promise<void> {
    await rm(this.path, { force: true }).catch((cause: unknown) => {
      throw new EdgeVlmError('FILE_UNWRITABLE', `${this.path} cannot be removed`, { cause });
    });
  }

  /** Resolves when all is written. */
  written(): Promise<void> {
    return this.#writing;
  }
}
