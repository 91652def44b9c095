import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { type Disk, diskError, type DiskFile } from './disk.js';
import { cutIntoPieces, loadPieces, type PartIdentity, type Piece, savePieces } from './part-state.js';

/** Left to other programs of the disk, bytes. */
const RESERVE = 16 * 1024 * 1024;

/** Names of what lies beside a file that is being downloaded. */
export function partNames(target: string): { readonly part: string; readonly state: string } {
  return { part: `${target}.part`, state: `${target}.part.json` };
}

/** A file on its way: `<target>.part`, at its full size from the start, and `<target>.part.json`, which tells what of it is there. */
export class PartFile {
  readonly path: string;
  #pieces: Piece[];

  private constructor(
    private readonly target: string,
    private readonly identity: PartIdentity | null,
    private readonly file: DiskFile,
    pieces: Piece[],
  ) {
    this.path = partNames(target).part;
    this.#pieces = pieces;
  }

  /**
   * Goes on with what an earlier attempt left, or starts anew.
   * @param identity null where size or etag are unknown: then nothing can be resumed and the file grows as bytes come
   * @throws EdgeVlmError DISK_FULL, FILE_UNWRITABLE
   */
  static async open(
    target: string,
    identity: PartIdentity | null,
    { pieceBytes, disk }: { pieceBytes: number; disk: Disk },
  ): Promise<PartFile> {
    const { part, state } = partNames(target);
    const file = await disk.open(part).catch((cause: unknown) => {
      throw diskError(part, cause);
    });
    try {
      if (identity === null) {
        await file.resize(0);
        return new PartFile(target, null, file, [{ start: 0, end: Infinity, next: 0 }]);
      }
      const { bytes } = identity;
      const left = (await file.bytes()) === bytes ? await loadPieces(state, identity) : undefined;
      const pieces = left ?? cutIntoPieces(bytes, pieceBytes);
      const missing = bytes - written(pieces);
      const free = await disk.free(dirname(target));
      // A file of this size is made without taking its space, so a full disk would be noticed in the middle only.
      if (missing > 0 && missing + RESERVE > free) {
        throw new EdgeVlmError('DISK_FULL', `${target} needs ${formatBytes(missing)} more, and ${formatBytes(free)} are free`);
      }
      if (left === undefined) {
        await rm(state, { force: true });
        await file.resize(0);
        await file.resize(bytes);
      }
      return new PartFile(target, identity, file, pieces);
    } catch (cause) {
      await file.close();
      throw diskError(part, cause);
    }
  }

  get pieces(): readonly Piece[] {
    return this.#pieces;
  }

  /** Bytes that are there. */
  get written(): number {
    return written(this.#pieces);
  }

  /** Throws away what is there and makes it one piece, for a server that gives files only from their beginning. */
  startAnew(): Piece {
    const whole = { start: 0, end: this.identity?.bytes ?? Infinity, next: 0 };
    this.#pieces = [whole];
    return whole;
  }

  /** Writes where the piece ends so far. @throws EdgeVlmError DISK_FULL, FILE_UNWRITABLE */
  async append(piece: Piece, data: Uint8Array): Promise<void> {
    await this.file.write(data, piece.next).catch((cause: unknown) => {
      throw diskError(this.path, cause);
    });
    piece.next += data.length;
  }

  /** Notes what is there, for a later attempt. */
  async save(): Promise<void> {
    if (this.identity === null) return;
    const { state } = partNames(this.target);
    await savePieces(state, this.identity, this.#pieces).catch((cause: unknown) => {
      throw diskError(state, cause);
    });
  }

  /** Everything is there: onto the disk with it. */
  async finish(): Promise<void> {
    try {
      await this.file.sync();
    } catch (cause) {
      throw diskError(this.path, cause);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  /** Gives the checked file its name. */
  async publish(): Promise<void> {
    await rename(this.path, this.target).catch((cause: unknown) => {
      throw diskError(this.target, cause);
    });
    await rm(partNames(this.target).state, { force: true });
  }

  /** Removes it: it is not what it should be, or cannot be resumed. */
  async discard(): Promise<void> {
    await removeParts(this.target);
  }
}

/** Removes what an unfinished download left. @returns what there was */
export async function removeParts(target: string): Promise<string[]> {
  const removed: string[] = [];
  for (const path of Object.values(partNames(target))) {
    await rm(path).then(
      () => removed.push(path),
      () => undefined,
    );
  }
  return removed;
}

function written(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { start, next }) => sum + next - start, 0);
}
