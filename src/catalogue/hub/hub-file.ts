import { EdgeVlmError } from '../../core/errors.js';
import type { Checksum } from '../checksum.js';
import { hubFetch } from './hub-fetch.js';
import type { HubSettings } from './hub-settings.js';
import { type Persistence, withRetries } from './with-retries.js';

export interface HubFileRequest {
  /** `owner/name` */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly path: string;
}

/** What the Hub says of a file before it is downloaded. */
export interface HubFile {
  /** Of this very version: the address names the commit where the Hub told it. */
  readonly url: URL;
  readonly commit: string | null;
  /** Null where the server does not tell. */
  readonly bytes: number | null;
  /** Names the content; a partial file with another one is of no use. */
  readonly etag: string | null;
  readonly checksum: Checksum | null;
}

/**
 * Asks for a file's size, checksum and commit, as `huggingface_hub.get_hf_file_metadata` does: they are in the headers of the Hub's
 * own answer, so the redirect to the store that holds the bytes is not followed.
 * @throws EdgeVlmError DOWNLOAD_REFUSED, DOWNLOAD_FAILED, CANCELLED
 */
export async function hubFile(
  request: HubFileRequest,
  settings: HubSettings,
  signal: AbortSignal,
  persistence?: Persistence,
): Promise<HubFile> {
  const run = async (within: AbortSignal): Promise<HubFile> => {
    const { hops, last } = await hubFetch(resolveUrl(settings, request), settings, { method: 'HEAD', signal: within });
    const header = (name: string): string | null => hops.map((hop) => hop.headers.get(name)).find((value) => value !== null) ?? null;
    const commit = header('x-repo-commit');
    const etag = plainEtag(header('x-linked-etag') ?? last.headers.get('etag'));
    // The length of a redirect's own body is not the file's.
    const size = header('x-linked-size') ?? (last.ok ? last.headers.get('content-length') : null);
    return {
      url: resolveUrl(settings, { ...request, revision: commit !== null && /^[0-9a-f]{40}$/.test(commit) ? commit : request.revision }),
      commit,
      bytes: parseSize(size),
      etag,
      checksum: checksumOf(etag, commit !== null),
    };
  };
  return withRetries(
    { run: (patience) => run(patience.signal), signals: [signal], what: `asking for ${request.repository}/${request.path}` },
    persistence,
  );
}

function resolveUrl({ endpoint }: HubSettings, { repository, revision, path }: HubFileRequest): URL {
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  return new URL(`${repository}/resolve/${encodeURIComponent(revision)}/${escaped}`, endpoint);
}

function plainEtag(text: string | null): string | null {
  return text === null ? null : text.replace(/^W\//, '').replace(/^"|"$/g, '');
}

function parseSize(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,15}$/.test(text))
    throw new EdgeVlmError('DOWNLOAD_FAILED', `the server gives ${JSON.stringify(text.slice(0, 40))} as the size of a file`);
  return Number(text);
}

/** The Hub's ETag of a large file is its SHA-256, that of a small one its git blob id; another server's may be anything. */
function checksumOf(etag: string | null, fromHub: boolean): Checksum | null {
  if (etag === null) return null;
  if (/^[0-9a-f]{64}$/.test(etag)) return { kind: 'sha256', hex: etag };
  return fromHub && /^[0-9a-f]{40}$/.test(etag) ? { kind: 'git-blob', hex: etag } : null;
}
