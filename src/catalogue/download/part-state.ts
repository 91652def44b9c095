import { readFile, stat, writeFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

/** One stretch of a file, bytes: `next` of them from `start` on are there, `end` is not part of it. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  next: number;
}

/** What a partial file will be; with another one of these it is of no use. */
export interface PartIdentity {
  readonly etag: string;
  readonly bytes: number;
}

const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const PartState = Type.Object(
  {
    version: Type.Literal(1),
    etag: Type.String(),
    bytes: Offset,
    pieces: Type.Array(Type.Object({ start: Offset, end: Offset, next: Offset })),
  },
  { additionalProperties: false },
);

/** Of which a state stays below `LONGEST_STATE`. */
const MOST_PIECES = 4096;
const LONGEST_STATE = 1024 * 1024;

/** The pieces of a file nothing of which is there yet. */
export function cutIntoPieces(bytes: number, pieceBytes: number): Piece[] {
  const length = Math.max(pieceBytes, Math.ceil(bytes / MOST_PIECES));
  return Array.from({ length: Math.ceil(bytes / length) }, (_, index) => {
    const start = index * length;
    return { start, end: Math.min(start + length, bytes), next: start };
  });
}

/** Reads back what `savePieces` wrote; undefined where there is nothing, or nothing of use for this file. */
export async function loadPieces(path: string, identity: PartIdentity): Promise<Piece[] | undefined> {
  try {
    if ((await stat(path)).size > LONGEST_STATE) return undefined;
    const state: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!Value.Check(PartState, state) || state.etag !== identity.etag || state.bytes !== identity.bytes) return undefined;
    let at = 0;
    for (const { start, end, next } of state.pieces) {
      if (start !== at || end <= start || next < start || next > end) return undefined;
      at = end;
    }
    return at === identity.bytes ? state.pieces : undefined;
  } catch {
    // Missing or cut off: then the download starts anew.
    return undefined;
  }
}

export async function savePieces(path: string, { etag, bytes }: PartIdentity, pieces: readonly Piece[]): Promise<void> {
  await writeFile(path, JSON.stringify({ version: 1, etag, bytes, pieces }));
}
