import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, type Progress, ProgressTask } from '../../core/progress.js';
import { checksumsOf } from '../checksum.js';
import type { HubFile } from '../hub/hub-file.js';
import type { HubSettings } from '../hub/hub-settings.js';
import type { Patience } from '../hub/patience.js';
import { type Persistence, withRetries } from '../hub/with-retries.js';
import { type Disk, diskError, systemDisk } from './disk.js';
import { fetchPiece, type PieceSource } from './fetch-piece.js';
import { PartFile, removeParts } from './part-file.js';
import type { Piece } from './part-state.js';
import { withTargetLock } from './target-lock.js';

export interface DownloadOptions extends Persistence {
  /** Ranges that are fetched at the same time. Default 4. */
  readonly connections?: number;
  /** Size of one range, bytes. Default 16 MiB. */
  readonly pieceBytes?: number;
  readonly disk?: Disk;
}

export interface Download {
  readonly from: HubFile;
  /** Where the file will be once all of it is there and right; a file that is there is replaced then. */
  readonly target: string;
  readonly settings: HubSettings;
  /** Names the work in progress events and messages. */
  readonly label: string;
  readonly progress?: Progress;
  readonly signal: AbortSignal;
  /** Whether to throw away what an earlier attempt left. Default false. */
  readonly anew?: boolean;
  /** Called when the checksum is right, before the file gets its name. */
  readonly onVerified?: (facts: { readonly sha256: string; readonly bytes: number }) => Promise<void>;
}

/**
 * Downloads one file in parallel ranges. Whatever goes wrong, nothing stands at `target` that is not whole and checked; what came is
 * kept beside it and the next call goes on there, unless the checksum was wrong.
 * @throws EdgeVlmError CANCELLED, CHECKSUM_MISMATCH, DISK_FULL, DOWNLOAD_FAILED, DOWNLOAD_REFUSED, FILE_UNWRITABLE
 */
export async function downloadFile(download: Download, options: DownloadOptions = {}): Promise<void> {
  const { target } = download;
  await mkdir(dirname(target), { recursive: true }).catch((cause: unknown) => {
    throw diskError(dirname(target), cause);
  });
  await withTargetLock(target, () => downloadAlone(download, options));
}

async function downloadAlone(download: Download, options: DownloadOptions): Promise<void> {
  const { target, from, label, signal, anew = false, progress = NO_PROGRESS } = download;
  const { disk = systemDisk, pieceBytes = 16 * 1024 * 1024 } = options;
  // Without a name of its content nothing tells whether what an earlier attempt left is of the same file.
  if (anew || from.etag === null) await removeParts(target);
  const identity = from.bytes === null ? null : { bytes: from.bytes, etag: from.etag ?? '' };
  const part = await PartFile.open(target, identity, { pieceBytes, disk });
  try {
    await fetchAll(part, download, options);
    await part.finish();
  } catch (thrown) {
    await part.close();
    if (identity === null) await part.discard();
    throw thrown;
  }
  await part.close();

  const sums = await checksumsOf(part.path, { label: `check ${label}`, progress, signal });
  const { checksum } = from;
  if (checksum !== null && sums[checksum.kind] !== checksum.hex) {
    await part.discard();
    throw new EdgeVlmError(
      'CHECKSUM_MISMATCH',
      `${label} arrived damaged: its ${checksum.kind} sum is ${sums[checksum.kind]}, not ${checksum.hex}`,
      {
        hint: 'It was removed. Run the same command again; if that happens every time, the server or a proxy changes files.',
      },
    );
  }
  await download.onVerified?.({ sha256: sums.sha256, bytes: from.bytes ?? part.written });
  await part.publish();
}

async function fetchAll(
  part: PartFile,
  { from, settings, label, signal, progress = NO_PROGRESS }: Download,
  options: DownloadOptions,
): Promise<void> {
  const task = new ProgressTask(progress, { label, unit: 'bytes', total: from.bytes });
  const stop = new AbortController();
  let alone = true;
  const source: PieceSource = {
    url: from.url,
    bytes: from.bytes,
    settings,
    wholeIsFine: () => alone,
    onBytes: (count) => {
      task.advance(count);
    },
  };
  const fetchOne = async (piece: Piece): Promise<void> => {
    const work = {
      // The first one may have turned into the whole file.
      run: (patience: Patience) => fetchPiece(part, part.pieces.includes(piece) ? piece : (part.pieces[0] ?? piece), source, patience),
      reached: () => part.written,
      signals: [signal, stop.signal],
      what: label,
    };
    await withRetries(work, options);
    await part.save();
  };
  const missing = (): Piece[] => part.pieces.filter(({ next, end }) => next < end);
  try {
    if (part.written > 0) task.advance(part.written);
    const [first] = missing();
    // Alone, because it tells whether the server has ranges; if not, it brings everything.
    if (first !== undefined) await fetchOne(first);
    alone = false;
    const queue = from.bytes === null ? [] : missing();
    const worker = async (): Promise<void> => {
      for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) await fetchOne(piece);
    };
    await allOrNone(Array.from({ length: options.connections ?? 4 }, worker), stop);
  } finally {
    task.end();
    // What was written before the end of a piece counts, too. A full disk may refuse even this.
    await part.save().catch(() => undefined);
  }
}

/** Waits for all; the first failure stops the others and is the one that is told. */
async function allOrNone(work: readonly Promise<void>[], stop: AbortController): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    work.map((each) =>
      each.catch((thrown: unknown) => {
        failures.push(thrown);
        stop.abort();
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}
