import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Disk, systemDisk } from '../../src/catalogue/download/disk.js';
import { downloadFile, type DownloadOptions } from '../../src/catalogue/download/download-file.js';
import { hubFile } from '../../src/catalogue/hub/hub-file.js';
import type { HubSettings } from '../../src/catalogue/hub/hub-settings.js';
import { EdgeVlmError } from '../../src/core/errors.js';
import type { ProgressEvent } from '../../src/core/progress.js';
import { FakeHub } from './support/fake-hub.js';

const KIB = 1024;
const PIECE = 64 * KIB;
const BYTES = randomBytes(10 * PIECE + 123);
const WHERE = { repository: 'owner/name', revision: 'main', path: 'sub/model.gguf' };

let hub: FakeHub;
let folder = '';
let target = '';
beforeEach(async () => {
  hub = await FakeHub.start();
  hub.put('owner/name/sub/model.gguf', BYTES);
  folder = await mkdtemp(join(tmpdir(), 'download-'));
  target = join(folder, 'model.gguf');
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

interface Extras extends DownloadOptions {
  readonly token?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** As `pull` does it: ask, then download. Impatient, so that tests of bad lines end soon. */
async function download({ token, signal = new AbortController().signal, onProgress, ...options }: Extras = {}): Promise<void> {
  const settings: HubSettings = { endpoint: new URL(`${hub.endpoint}/`), ...(token !== undefined && { token }) };
  const patient = { pieceBytes: PIECE, retries: 2, backoff_ms: 1, stall_ms: 20_000, ...options };
  const from = await hubFile(WHERE, settings, signal, patient);
  await downloadFile({ from, target, settings, label: 'model.gguf', signal, ...(onProgress && { progress: onProgress }) }, patient);
}

async function failureOf(work: Promise<void>): Promise<EdgeVlmError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof EdgeVlmError)) throw new Error(`expected an EdgeVlmError, got ${String(thrown)}`);
  return thrown;
}

const isGet = ({ at, method }: { at: string; method: string }): boolean => at === 'store' && method === 'GET';

async function expectWhole(): Promise<void> {
  expect((await readFile(target)).equals(BYTES)).toBe(true);
  expect(await readdir(folder)).toEqual(['model.gguf']);
}

describe('a download', () => {
  it('fetches ranges of the commit the Hub named, and leaves the file and nothing else', async () => {
    const events: ProgressEvent[] = [];
    await download({ onProgress: (event) => events.push(event) });
    await expectWhole();
    const ranges = hub.seen.filter(isGet).map(({ range }) => range);
    expect(new Set(ranges).size).toBe(11);
    expect(ranges).toContain(`bytes=${10 * PIECE}-${BYTES.length - 1}`);
    const asked = hub.seen.filter(({ at, method }) => at === 'hub' && method === 'GET');
    expect(asked.every(({ url }) => url.startsWith('/owner/name/resolve/c0ffee'))).toBe(true);
    const counted = events.filter((event) => event.type === 'advance' && event.label === 'model.gguf').at(-1);
    expect(counted).toMatchObject({ done: BYTES.length, total: BYTES.length });
  });

  it('takes a small file from the Hub itself and checks its git blob id', async () => {
    hub.put('owner/name/sub/model.gguf', BYTES, { large: false });
    await download();
    await expectWhole();
  });

  it('of an empty file is an empty file', async () => {
    hub.put('owner/name/sub/model.gguf', Buffer.alloc(0), { large: false });
    await download();
    expect((await readFile(target)).length).toBe(0);
  });

  it('shows the token to the Hub and to nobody else', async () => {
    hub.token = 'hf_secret';
    await download({ token: 'hf_secret' });
    await expectWhole();
    expect(new Set(hub.seen.filter(({ at }) => at === 'hub').map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer hf_secret']),
    );
    expect(hub.seen.filter(({ at }) => at === 'store').every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it('replaces a file only when the new one is whole', async () => {
    await writeFile(target, 'old');
    hub.intercept = (seen, response) => isGet(seen) && (response.destroy(), true);
    await failureOf(download());
    expect(await readFile(target, 'utf8')).toBe('old');
    hub.intercept = () => false;
    await download();
    await expectWhole();
  });

  it('works with a server that has no ranges, also when that cuts the first attempt', async () => {
    let attempts = 0;
    hub.intercept = (seen, response, request) => {
      if (!isGet(seen)) return false;
      attempts++;
      delete request.headers.range;
      if (attempts > 1) return (hub.sendFile(BYTES, request, response), true);
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 3 * PIECE), () => response.destroy());
      return true;
    };
    await download();
    await expectWhole();
    expect(attempts).toBe(2);
  });

  it('works with a mirror that redirects to where the file is', async () => {
    let moved = false;
    hub.intercept = ({ at, url }, response) => {
      if (at !== 'hub' || url.includes('/elsewhere/')) return false;
      moved = true;
      response.writeHead(307, { location: `/owner/name/resolve/elsewhere/sub/model.gguf` }).end();
      hub.intercept = () => false;
      return true;
    };
    await download();
    await expectWhole();
    expect(moved).toBe(true);
  });

  it('works with a server that tells neither size nor checksum', async () => {
    hub.intercept = (seen, response) => {
      response.writeHead(200);
      response.end(seen.method === 'HEAD' ? undefined : BYTES);
      return true;
    };
    await download();
    await expectWhole();
  });
});

describe('an interrupted download', () => {
  /** Lets some answers of the store through whole and cuts all others in their middle. */
  function cutAfter(whole: number): void {
    let count = 0;
    hub.intercept = (seen, response, request) => {
      if (!isGet(seen) || count++ < whole) return false;
      const [, first] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
      const start = Number(first);
      const end = Math.min(start + PIECE, BYTES.length);
      response.writeHead(206, { 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${BYTES.length}` });
      hub.sent += 1000;
      response.write(BYTES.subarray(start, start + 1000), () => response.destroy());
      return true;
    };
  }

  it('goes on where it stopped, byte by byte', async () => {
    cutAfter(3);
    const error = await failureOf(download({ connections: 1, retries: 0 }));
    expect(error.code).toBe('DOWNLOAD_FAILED');
    expect((await readdir(folder)).sort()).toEqual(['model.gguf.part', 'model.gguf.part.json']);
    hub.intercept = () => false;
    hub.seen.length = 0;
    await download();
    await expectWhole();
    expect(hub.seen.find(isGet)?.range).toBe(`bytes=${3 * PIECE + 1000}-${4 * PIECE - 1}`);
    expect(hub.sent).toBe(BYTES.length);
  });

  it('is gone on with by itself while every attempt brings something', async () => {
    let cuts = 0;
    hub.intercept = (seen, response, request) => {
      if (!isGet(seen) || cuts++ >= 8) return false;
      const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      const [start, end] = [Number(first), Number(last) + 1];
      response.writeHead(206, { 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${BYTES.length}` });
      response.write(BYTES.subarray(start, start + 10), () => response.destroy());
      return true;
    };
    await download({ connections: 1, retries: 1 });
    await expectWhole();
    expect(cuts).toBeGreaterThan(8);
  });

  it.each([
    ['a damaged state file', () => writeFile(`${target}.part.json`, '{"version":1')],
    [
      'a state that claims more than there is',
      () => writeFile(`${target}.part.json`, JSON.stringify({ version: 1, etag: 'x', bytes: 5, pieces: [] })),
    ],
    ['a partial file that was cut', () => writeFile(`${target}.part`, 'short')],
  ])('starts anew with %s', async (_, damage) => {
    cutAfter(3);
    await failureOf(download({ retries: 0 }));
    await damage();
    hub.intercept = () => false;
    await download();
    await expectWhole();
  });

  it('starts anew when the Hub has another file by now', async () => {
    cutAfter(3);
    await failureOf(download({ retries: 0 }));
    hub.intercept = () => false;
    const other = randomBytes(BYTES.length);
    hub.put('owner/name/sub/model.gguf', other);
    await download();
    expect((await readFile(target)).equals(other)).toBe(true);
  });

  it('by Ctrl-C keeps what came', async () => {
    const interrupt = new AbortController();
    const stopped = failureOf(
      download({
        connections: 1,
        signal: interrupt.signal,
        onProgress: (event) => {
          if (event.type === 'advance' && event.done >= 5 * PIECE) interrupt.abort();
        },
      }),
    );
    expect((await stopped).code).toBe('CANCELLED');
    expect((await readdir(folder)).sort()).toEqual(['model.gguf.part', 'model.gguf.part.json']);
    hub.sent = 0;
    await download();
    await expectWhole();
    expect(hub.sent).toBeLessThanOrEqual(BYTES.length - 5 * PIECE);
  });

  it('by a server that falls silent is given up', async () => {
    hub.intercept = (seen) => isGet(seen);
    const error = await failureOf(download({ stall_ms: 50, retries: 1 }));
    expect(error.code).toBe('DOWNLOAD_FAILED');
    expect(error.message).toContain('nothing came for 0.05 s');
    expect(await readdir(folder)).not.toContain('model.gguf');
  });

  it('by a server that is overloaded is tried again', async () => {
    let refusals = 0;
    hub.intercept = (_, response) => refusals++ < 2 && (response.writeHead(503).end(), true);
    await download();
    await expectWhole();
  });
});

describe('what cannot be right', () => {
  it('a damaged file is removed and said to be damaged', async () => {
    hub.intercept = (seen, response, request) => {
      if (!isGet(seen)) return false;
      const damaged = Buffer.from(BYTES);
      damaged[5 * PIECE] = (damaged[5 * PIECE] ?? 0) ^ 1;
      hub.sendFile(damaged, request, response);
      return true;
    };
    const error = await failureOf(download());
    expect(error.code).toBe('CHECKSUM_MISMATCH');
    expect(error.message).toContain(createHash('sha256').update(BYTES).digest('hex'));
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    [401, 'DOWNLOAD_REFUSED'],
    [403, 'DOWNLOAD_REFUSED'],
    [404, 'DOWNLOAD_FAILED'],
    [500, 'DOWNLOAD_FAILED'],
  ])('an answer of %i is %s, at the Hub and at its store', async (status, code) => {
    for (const at of ['hub', 'store'] as const) {
      hub.intercept = (seen, response) =>
        seen.at === at && (response.writeHead(status, { 'x-error-message': 'as the Hub says' }).end('<html>'), true);
      const error = await failureOf(download({ token: 'hf_secret' }));
      expect(error.code).toBe(code);
      expect(`${error.message} ${error.hint}`).not.toContain('hf_secret');
      expect(error.message).toMatch(at === 'hub' && status !== 500 ? /as the Hub says$/ : new RegExp(String(status)));
      expect(await readdir(folder)).not.toContain('model.gguf');
    }
  });

  it.each<[what: string, headers: Record<string, string | number>, status: number, body: Buffer]>([
    ['another length than announced', { 'content-length': 10 }, 200, BYTES.subarray(0, 10)],
    ['another range than asked for', { 'content-length': 10, 'content-range': `bytes 7-16/${BYTES.length}` }, 206, BYTES.subarray(0, 10)],
    ['a range of another file', { 'content-length': 10, 'content-range': 'bytes 0-9/10' }, 206, BYTES.subarray(0, 10)],
    ['a range it does not name', { 'content-length': 10 }, 206, BYTES.subarray(0, 10)],
    ['more bytes than announced', { 'content-range': `bytes 0-9/${BYTES.length}` }, 206, BYTES],
    ['a compressed file', { 'content-encoding': 'gzip' }, 200, BYTES],
    ['no content', {}, 204, Buffer.alloc(0)],
  ])('a server that sends %s is not believed', async (_, headers, status, body) => {
    hub.intercept = (seen, response) => isGet(seen) && (response.writeHead(status, headers).end(body), true);
    expect((await failureOf(download())).code).toBe('DOWNLOAD_FAILED');
    expect(await readdir(folder)).not.toContain('model.gguf');
  });

  it.each(['9007199254740993', '-1', '1e3', ''])('a size of %j is not believed', async (size) => {
    hub.intercept = ({ at }, response) =>
      at === 'hub' &&
      (response.writeHead(302, { 'x-linked-size': size, 'x-linked-etag': '"e"', location: 'http://127.0.0.1:1/x' }).end(), true);
    expect((await failureOf(download())).code).toBe('DOWNLOAD_FAILED');
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'data:,x', 'http://user:password@127.0.0.1/x', 'http://[::'])(
    'a redirect to %s is not followed',
    async (location) => {
      hub.intercept = ({ at }, response) => at === 'hub' && (response.writeHead(302, { location }).end(), true);
      const error = await failureOf(download());
      expect(error.code).toBe('DOWNLOAD_FAILED');
      expect(error.message).not.toContain('password');
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('a redirect in a circle ends', async () => {
    hub.intercept = ({ url }, response) => (response.writeHead(302, { location: url }).end(), true);
    expect((await failureOf(download())).message).toContain('without an end');
  });
});

describe('a full disk', () => {
  it('is noticed before anything is fetched', async () => {
    const disk: Disk = { ...systemDisk, free: () => Promise.resolve(1000) };
    expect((await failureOf(download({ disk }))).code).toBe('DISK_FULL');
    expect(hub.seen.some(isGet)).toBe(false);
    expect(await readdir(folder)).not.toContain('model.gguf');
  });

  it('is noticed before an absurd size is made room for', async () => {
    hub.intercept = ({ at }, response) =>
      at === 'hub' &&
      (response.writeHead(302, { 'x-linked-size': '999999999999999', 'x-linked-etag': '"e"', location: 'http://127.0.0.1:1/x' }).end(),
      true);
    expect((await failureOf(download())).code).toBe('DISK_FULL');
  });

  it('in the middle keeps what was written, and the download goes on when there is room', async () => {
    let room = 4 * PIECE;
    const disk: Disk = {
      ...systemDisk,
      async open(path) {
        const file = await systemDisk.open(path);
        return {
          ...file,
          write(data, position) {
            room -= data.length;
            if (room < 0) return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
            return file.write(data, position);
          },
        };
      },
    };
    const error = await failureOf(download({ disk, connections: 1 }));
    expect(error.code).toBe('DISK_FULL');
    expect(await readdir(folder)).not.toContain('model.gguf');
    hub.sent = 0;
    await download();
    await expectWhole();
    expect(hub.sent).toBeLessThan(BYTES.length);
  });
});

describe('a second program', () => {
  it('that wants the same file is told who is at it', async () => {
    const results = await Promise.allSettled([download(), download()]);
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => (reason as Error).message);
    expect(refused).toEqual([`process ${process.pid} is downloading ${target}`]);
    await expectWhole();
  });

  it("that was killed stands in nobody's way", async () => {
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(gone, 'close');
    await writeFile(`${target}.part.lock`, String(gone.pid));
    await download();
    await expectWhole();
  });
});
