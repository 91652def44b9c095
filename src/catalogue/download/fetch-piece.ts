import { EdgeVlmError } from '../../core/errors.js';
import { dropBody, hubFetch, Interruption } from '../hub/hub-fetch.js';
import type { HubSettings } from '../hub/hub-settings.js';
import type { Patience } from '../hub/patience.js';
import type { PartFile } from './part-file.js';
import type { Piece } from './part-state.js';

export interface PieceSource {
  readonly url: URL;
  /** Of the whole file; null where nobody told. */
  readonly bytes: number | null;
  readonly settings: HubSettings;
  /** Whether the whole file is welcome instead of a range: so it is as long as nothing else is being fetched. */
  readonly wholeIsFine: () => boolean;
  /** Called with the number of bytes that came; negative when some are thrown away. */
  readonly onBytes: (count: number) => void;
}

/**
 * Asks for what a piece lacks and writes it. A server that has no ranges gives the whole file; then the part has one piece only.
 * @throws EdgeVlmError DOWNLOAD_FAILED for a server that gives other bytes than it was asked for, and as `hubFetch`; Interruption when
 * the connection ends before the piece does
 */
export async function fetchPiece(part: PartFile, piece: Piece, source: PieceSource, patience: Patience): Promise<void> {
  const { url, bytes, settings } = source;
  const headers = bytes === null ? {} : { range: `bytes=${piece.next}-${piece.end - 1}` };
  const { last: response } = await hubFetch(url, settings, { method: 'GET', headers, signal: patience.signal });
  patience.renew();
  let into = piece;
  try {
    checkAnswer(response, piece, bytes);
    if (response.status !== 206) {
      if (!source.wholeIsFine())
        throw new EdgeVlmError('DOWNLOAD_FAILED', `${url.host} gives ranges at one time and whole files at another`);
      source.onBytes(-part.written);
      into = part.startAnew();
    }
  } catch (thrown) {
    dropBody(response);
    throw thrown;
  }
  await copyBody(response, part, into, source, patience);
  if (into.next < into.end && into.end !== Infinity) throw new Interruption(`${url.host} ended the connection too early`);
}

function checkAnswer(response: Response, piece: Piece, bytes: number | null): void {
  const wrong = (what: string): EdgeVlmError => new EdgeVlmError('DOWNLOAD_FAILED', `${new URL(response.url).host} ${what}`);
  const { status, headers } = response;
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw wrong(`sends the file as ${encoding}, which was not asked for`);
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
    const [, first, last, total] = range ?? [];
    const fits = Number(first) === piece.next && Number(last) < piece.end && (total === '*' || Number(total) === bytes);
    if (!fits)
      throw wrong(
        `sends ${headers.get('content-range') ?? 'an unnamed range'} instead of bytes ${piece.next}-${piece.end - 1}/${bytes ?? '*'}`,
      );
    return;
  }
  if (status !== 200) throw wrong(`answers ${status}`);
  const length = headers.get('content-length');
  if (bytes !== null && length !== null && Number(length) !== bytes) throw wrong(`announced ${bytes} bytes and now ${length}`);
}

async function copyBody(response: Response, part: PartFile, piece: Piece, { onBytes }: PieceSource, patience: Patience): Promise<void> {
  if (response.body === null) return;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  // Not awaited, and not left to fetch: in Node 20 a body that is aborted between its last byte and its end is never settled.
  const stop = (): void => {
    reader.cancel().catch(() => undefined);
  };
  patience.signal.addEventListener('abort', stop);
  try {
    for (;;) {
      patience.signal.throwIfAborted();
      const { done, value } = await reader.read().catch((cause: unknown) => {
        if (patience.signal.aborted) throw cause;
        throw new Interruption('the connection was cut', { cause });
      });
      patience.signal.throwIfAborted();
      if (done) return;
      if (piece.next + value.length > piece.end) throw new EdgeVlmError('DOWNLOAD_FAILED', 'the server sends more bytes than it announced');
      await part.append(piece, value);
      onBytes(value.length);
      // A slow disk is no silence of the server.
      patience.renew();
    }
  } finally {
    patience.signal.removeEventListener('abort', stop);
    stop();
  }
}
