import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubRequestSeen {
  /** `store` is where the Hub keeps large files: another origin. */
  readonly at: 'hub' | 'store';
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Answers in the server's place; returns false to let it answer itself. */
type Intercept = (seen: HubRequestSeen, response: ServerResponse, request: IncomingMessage) => boolean;

interface HubFileContent {
  readonly bytes: Buffer;
  /** Large files are in the store and have a SHA-256; small ones come from the Hub itself and have a git blob id. */
  readonly large: boolean;
}

const COMMIT = 'c0ffee'.padEnd(40, '0');

/** A local server with the part of the Hub's HTTP API that downloads need. */
export class FakeHub {
  readonly seen: HubRequestSeen[] = [];
  readonly files = new Map<string, HubFileContent>();
  /** When set, only requests with this token are answered. */
  token: string | undefined;
  intercept: Intercept = () => false;
  /** Bytes of bodies that were sent. */
  sent = 0;

  private constructor(
    private readonly hub: Server,
    private readonly store: Server,
  ) {
    hub.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.answer('hub', request, response);
    });
    store.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.answer('store', request, response);
    });
  }

  static async start(): Promise<FakeHub> {
    const servers = [createServer(), createServer()] as const;
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
    return new FakeHub(...servers);
  }

  get endpoint(): string {
    return origin(this.hub);
  }

  /** @param path `owner/name/file` */
  put(path: string, bytes: Buffer, { large = true } = {}): void {
    this.files.set(path, { bytes, large });
  }

  async close(): Promise<void> {
    for (const server of [this.hub, this.store]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private answer(at: HubRequestSeen['at'], request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const seen = { at, method, url, range: headers.range, authorization: headers.authorization };
    this.seen.push(seen);
    response.on('error', () => undefined);
    if (this.intercept(seen, response, request)) return;
    if (at === 'store') {
      this.answerFromStore(url, request, response);
      return;
    }
    const [, repository, path = ''] = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(url) ?? [];
    const file = this.files.get(`${repository ?? ''}/${decodeURIComponent(path)}`);
    if (this.token !== undefined && headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo', 'x-error-message': 'Access to this model is restricted.' }).end();
    } else if (file === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' }).end();
    } else if (file.large) {
      const sha256 = hash('sha256', file.bytes);
      response.writeHead(302, {
        'x-repo-commit': COMMIT,
        'x-linked-size': file.bytes.length,
        'x-linked-etag': `"${sha256}"`,
        location: `${origin(this.store)}/${sha256}?signature=abc`,
      });
      response.end('Found. Redirecting');
    } else {
      const etag = hash('sha1', Buffer.concat([Buffer.from(`blob ${file.bytes.length}\0`), file.bytes]));
      this.sendFile(file.bytes, request, response, { 'x-repo-commit': COMMIT, etag: `"${etag}"` });
    }
  }

  private answerFromStore(url: string, request: IncomingMessage, response: ServerResponse): void {
    const file = [...this.files.values()].find(({ bytes }) => url.startsWith(`/${hash('sha256', bytes)}?`));
    if (file === undefined) response.writeHead(403).end();
    else this.sendFile(file.bytes, request, response, { etag: '"another-etag-of-the-store"' });
  }

  /** As the store does it; a test's interceptor may send other bytes. */
  sendFile(bytes: Buffer, { method, headers }: IncomingMessage, response: ServerResponse, more: Record<string, string> = {}): void {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    const end = last === undefined || last === '' ? bytes.length : Math.min(Number(last) + 1, bytes.length);
    const body = bytes.subarray(start, end);
    const range = first === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
    response.writeHead(first === undefined ? 200 : 206, { 'content-length': body.length, 'accept-ranges': 'bytes', ...range, ...more });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    this.sent += body.length;
    response.end(body);
  }
}

function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function hash(algorithm: 'sha1' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex');
}
