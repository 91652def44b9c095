import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { gzipSync } from 'node:zlib';
import type { TestCertificate } from './make-certificate.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const PICTURE = Buffer.from('picture');
const MEGABYTE = Buffer.alloc(1_000_000, 65);

/** What servers of pictures do, and what they should not. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  '/picture.png': (response) => response.end(PICTURE),
  '/large.png': (response) => response.end(Buffer.alloc(60_000, 65)),
  '/redirect': (response, { url = '' }) => {
    response.writeHead(302, { location: new URL(url, 'https://x').searchParams.get('to') ?? '' }).end();
  },
  '/loop': (response) => response.writeHead(307, { location: '/loop' }).end(),
  '/nowhere': (response) => response.writeHead(301).end(),
  '/missing': (response) => response.writeHead(404).end('not here'),
  '/partial': (response) => response.writeHead(206).end(PICTURE),
  '/empty': (response) => response.end(),
  '/huge': (response) => response.writeHead(200, { 'content-length': 1e12 }).write(PICTURE),
  '/endless': (response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(MEGABYTE));
    };
    response.on('drain', more);
    more();
  },
  '/says-more': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write(PICTURE);
    setImmediate(() => response.destroy());
  },
  '/says-less': (response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npicture${'A'.repeat(1_000_000)}`);
  },
  '/says-twice': (response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\npicture');
  },
  '/slow': (response) => {
    const timer = setInterval(() => response.write('A'), 20);
    response.on('close', () => {
      clearInterval(timer);
    });
  },
  '/silent': () => undefined,
  '/hints': (response) => {
    const timer = setInterval(() => {
      response.writeProcessing();
    }, 20);
    response.on('close', () => {
      clearInterval(timer);
    });
  },
  '/headers': (response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\nX-Long: ${'A'.repeat(1_000_000)}\r\n\r\n`);
  },
  '/nonsense': (response) => response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n'),
  '/bomb': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000))),
  '/upgrade': (response) => response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n'),
};

/** A server of pictures, with its own certificate, that answers well or ill by the path. */
export class PictureHost {
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Headers of the last request. */
  headers: IncomingMessage['headers'] = {};
  readonly #server: Server;

  private constructor(certificate: TestCertificate) {
    this.#server = createServer(certificate, (request, response) => {
      const { pathname } = new URL(request.url ?? '', 'https://x');
      this.asked.push(pathname);
      this.headers = request.headers;
      response.on('error', () => undefined);
      ANSWERS[pathname]?.(response, request);
    });
  }

  static async start(certificate: TestCertificate): Promise<PictureHost> {
    const host = new PictureHost(certificate);
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Connections that are open. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
