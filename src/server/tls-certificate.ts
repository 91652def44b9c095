import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { EdgeVlmError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** Where certificate and key lie, both PEM. */
export interface TlsFiles {
  /** The server's certificate, then those up to its authority's. */
  readonly cert: string;
  /** Its key, not encrypted. */
  readonly key: string;
}

interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const LOOK_MS = 10_000;
const HANDSHAKE_MS = 10_000;
/** TLS 1.0 and 1.1 must not be used (RFC 8996). */
const MIN_VERSION = 'TLSv1.2';

/** A certificate and its key, checked; when the files are renewed, new connections get the new ones. */
export class TlsCertificate {
  #looking = false;

  private constructor(
    private readonly files: TlsFiles,
    private readonly logger: Logger,
    private readonly look_ms: number,
    private pem: Pem,
    private stamp: string,
  ) {}

  /**
   * @param look_ms how often the files are looked at for a renewed certificate; default 10 s
   * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE; TLS_INVALID for files that are not PEM or do not belong together
   */
  static async open(files: TlsFiles, logger: Logger, look_ms = LOOK_MS): Promise<TlsCertificate> {
    // Before the files: a change meanwhile is seen the next time.
    const stamp = await stampOf(files);
    return new TlsCertificate(files, logger, look_ms, await readPem(files, logger), stamp);
  }

  /** A server that is not listening yet; until it is closed it shows the newest certificate. */
  createServer(handler: RequestListener, limits: { readonly requestTimeout: number; readonly keepAliveTimeout: number }): Server {
    const server = createServer({ ...this.pem, ...limits, handshakeTimeout: HANDSHAKE_MS, minVersion: MIN_VERSION }, handler);
    const timer = setInterval(() => void this.#renew(server), this.look_ms).unref();
    return server.once('close', () => {
      clearInterval(timer);
    });
  }

  /** Files that are being written, or are wrong, leave the certificate as it is. */
  async #renew(server: Server): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const stamp = await stampOf(this.files);
      if (stamp === this.stamp) return;
      this.stamp = stamp;
      this.pem = await readPem(this.files, this.logger);
      server.setSecureContext({ ...this.pem, minVersion: MIN_VERSION });
      this.logger.info('the TLS certificate was renewed');
    } catch (error) {
      this.logger.error('the renewed TLS certificate cannot be used; the one before stays', { error: EdgeVlmError.from(error) });
    } finally {
      this.#looking = false;
    }
  }
}

async function stampOf({ cert, key }: TlsFiles): Promise<string> {
  const stamps = await Promise.all(
    [cert, key].map((path) =>
      stat(path).then(
        ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
        () => 'none',
      ),
    ),
  );
  return stamps.join();
}

async function readPem(files: TlsFiles, logger: Logger): Promise<Pem> {
  const pem = { cert: await read(files.cert), key: await read(files.key) };
  const certificate = parse(() => new X509Certificate(pem.cert), files.cert, 'holds no PEM certificate');
  const key: KeyObject = parse(() => createPrivateKey(pem.key), files.key, 'holds no PEM key, or an encrypted one');
  if (!certificate.checkPrivateKey(key)) {
    throw new EdgeVlmError('TLS_INVALID', `the key in ${files.key} is not the one of the certificate in ${files.cert}`);
  }
  // DER, which is a certificate too, and what comes after the first one.
  parse(() => createSecureContext(pem), files.cert, 'is not a chain of PEM certificates');
  const until = new Date(certificate.validTo);
  if (until.getTime() < Date.now()) logger.warn('the TLS certificate has expired: clients will refuse it', { until: until.toISOString() });
  return pem;
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new EdgeVlmError(missing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', `${path} ${missing ? 'does not exist' : 'cannot be read'}`, {
      cause,
    });
  }
}

function parse<T>(make: () => T, path: string, problem: string): T {
  try {
    return make();
  } catch (cause) {
    throw new EdgeVlmError('TLS_INVALID', `${path} ${problem}`, { cause });
  }
}
