import { request as httpRequest } from 'node:http';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseAllowedHost } from '../../src/serving/picture-fetch/allowed-host.js';
import { PictureFetcher, type PictureFetcherOptions } from '../../src/serving/picture-fetch/picture-fetcher.js';
import { TestAuthority } from './support/make-certificate.js';
import { type TestApp, testApp } from './support/null-app.js';
import { PictureHost } from './support/picture-host.js';
import { ScriptedRuntimes } from './support/scripted-runtime.js';

const authority = new TestAuthority();
const host = await PictureHost.start(authority.issue(['pictures.example', 'a.cdn.example', 'inside.example', '127.0.0.1']));
const expired = await PictureHost.start(authority.issue(['pictures.example'], -1));
const servers: TestApp[] = [];

afterAll(async () => {
  for (const server of servers) await server.close();
  await Promise.all([host.close(), expired.close()]);
});

const LIMIT = 100_000;
/** What the tests' name server knows; `inside.example` is a name that leads into the network of the server. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'pictures.example': ['127.0.0.1'],
  'a.cdn.example': ['127.0.0.1'],
  'other.example': ['127.0.0.1'],
  'inside.example': ['10.0.0.1'],
  'both.example': ['127.0.0.1', '10.0.0.1'],
  'mapped.example': ['::ffff:10.0.0.1'],
  'metadata.example': ['169.254.169.254'],
  'six.example': ['fd00::1'],
  'nameless.example': [],
};

/** The server's own fetcher, but for one loopback address that it may connect to, its authority and its names. */
function fetcher(more: Partial<PictureFetcherOptions> = {}): PictureFetcher {
  const { port } = host;
  const hosts = [...Object.keys(NAMES), '*.cdn.example', '127.0.0.1'].flatMap((name) => [`${name}:${port}`, name]);
  return new PictureFetcher({
    hosts: hosts.map(parseAllowedHost),
    pictureBytes: LIMIT,
    timeout_ms: 5000,
    resolve: (name) => Promise.resolve(NAMES[name] ?? []),
    mayConnect: (address) => address === '127.0.0.1',
    ca: authority.ca,
    ...more,
  });
}

async function start(options: Parameters<typeof testApp>[0]): Promise<TestApp> {
  const server = await testApp({ open: new ScriptedRuntimes(0).open, ...options });
  servers.push(server);
  return server;
}

interface Asked {
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
  readonly fetch_ms?: number;
}

async function ask({ app }: TestApp, ...urls: readonly string[]): Promise<Asked> {
  const content = [...urls.map((url) => ({ type: 'image_url', image_url: { url } })), { type: 'text', text: 'What is it?' }];
  const payload = { max_tokens: 2, messages: [{ role: 'user', content }] };
  const response = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload });
  const { error, timings } = response.json<{ error?: { code: string; message: string }; timings?: { fetch_ms: number } }>();
  return { status: response.statusCode, ...error, ...timings };
}

const at = (path: string, name = 'pictures.example'): string => `https://${name}:${host.port}${path}`;
const redirect = (to: string): string => at(`/redirect?to=${encodeURIComponent(to)}`);

describe('a picture on another server', () => {
  it('is fetched from a host that was allowed, and the time of it told', async () => {
    const seen: string[] = [];
    const server = await start({
      fetcher: fetcher(),
      preparePicture: (bytes) => {
        seen.push(Buffer.from(bytes).toString());
        return Promise.resolve({ part: { type: 'picture', bytes }, bytes: 0, decode_ms: 1, preprocess_ms: 2 });
      },
    });
    const found = await ask(server, at('/picture.png'));
    expect(found).toMatchObject({ status: 200 });
    expect(found.fetch_ms).toBeGreaterThan(0);
    expect((await ask(server, at('/picture.png', 'a.cdn.example'))).status).toBe(200);
    expect((await ask(server, at('/picture.png', '127.0.0.1'))).status).toBe(200);
    expect(await ask(server, redirect('/picture.png'))).toMatchObject({ status: 200 });
    expect(await ask(server, `data:image/png;base64,${Buffer.from('picture').toString('base64')}`)).toMatchObject({ fetch_ms: 0 });
    expect(seen).toEqual(Array.from({ length: 5 }, () => 'picture'));
    expect(server.log.join('\n')).not.toContain('picture.png');
  });

  it('is asked for with nothing of the client, and once when it is there twice', async () => {
    const server = await start({ fetcher: fetcher() });
    host.asked.length = 0;
    expect((await ask(server, at('/picture.png'), at('/picture.png'))).status).toBe(200);
    expect(host.asked).toEqual(['/picture.png']);
    expect(Object.keys(host.headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
  });

  it('is fetched by nobody unless that was asked for', async () => {
    expect(await ask(await start({}), at('/picture.png'))).toMatchObject({ status: 400, code: 'URL_REFUSED' });
  });
});

describe('what leads where nobody was allowed to', async () => {
  const server = await start({ fetcher: fetcher() });
  it.each([
    ['http', 'http://pictures.example/picture.png'],
    ['a file', 'file:///etc/passwd'],
    ['ftp', 'ftp://pictures.example/picture.png'],
    ['another host', 'https://evil.example/picture.png'],
    ['a name that begins alike', 'https://pictures.example.evil.example/'],
    ['a name that ends alike', 'https://evilcdn.example/'],
    ['a name with a dot at its end', 'https://pictures.example./'],
    ['another port', 'https://pictures.example:22/'],
    ['a name and password', `https://user:password@pictures.example:${host.port}/picture.png`],
    ['a host in place of a name', `https://pictures.example:${host.port}@evil.example/`],
    ['loopback as a decimal number', 'https://2130706434/'],
    ['loopback as an octal number', 'https://0177.0.0.2/'],
    ['loopback as a hexadecimal number', 'https://0x7f.0.0.2/'],
    ['a short form', 'https://127.2/'],
    ['loopback in IPv6', 'https://[::1]/'],
    ['IPv4 in IPv6', 'https://[::ffff:127.0.0.1]/'],
    ['clouds’ secrets', 'https://169.254.169.254/latest/meta-data'],
    ['full-width digits', 'https://１２７.0.0.2/'],
    ['a backslash', 'https://evil.example\\@pictures.example/'],
    ['no URL', 'https://'],
    ['a URL without end', `https://pictures.example/${'a'.repeat(5000)}`],
    ['a private address behind an allowed name', at('/picture.png', 'inside.example')],
    ['a private address among others', at('/picture.png', 'both.example')],
    ['a private address in IPv6', at('/picture.png', 'mapped.example')],
    ['a private IPv6 address', at('/picture.png', 'six.example')],
    ['clouds’ secrets behind an allowed name', at('/picture.png', 'metadata.example')],
    ['a redirect to loopback', redirect('https://127.0.0.2/')],
    ['a redirect to loopback in IPv6', redirect('https://[::1]/')],
    ['a redirect to a decimal number', redirect('https://2130706434/')],
    ['a redirect to clouds’ secrets', redirect('http://169.254.169.254/latest/meta-data')],
    ['a redirect to http', redirect(`http://pictures.example:${host.port}/picture.png`)],
    ['a redirect to a file', redirect('file:///etc/passwd')],
    ['a redirect to a data URL', redirect('data:image/png;base64,AAAA')],
    ['a redirect to another host', redirect('https://evil.example/')],
    ['a redirect to an allowed name with a private address', redirect(at('/picture.png', 'inside.example'))],
    ['a redirect with a password', redirect(`https://user:password@pictures.example:${host.port}/picture.png`)],
    ['a redirect to no URL', redirect('https://')],
    ['a redirect to a redirect to loopback', redirect(redirect('https://127.0.0.2/'))],
  ])('is refused: %s', async (_, url) => {
    host.asked.length = 0;
    expect(await ask(server, url)).toMatchObject({ status: 400, code: 'URL_REFUSED' });
    expect(host.asked).not.toContain('/picture.png');
  });

  it('tells nobody which address it was', async () => {
    expect((await ask(server, at('/', 'inside.example'))).message).not.toContain('10.0.0');
  });

  it('is what a server on the internet allows, too: without the seam of these tests loopback is refused', async () => {
    const strict = new PictureFetcher({ hosts: ['127.0.0.1', 'localhost'].map(parseAllowedHost), pictureBytes: LIMIT });
    const { signal } = new AbortController();
    await expect(strict.fetch('https://127.0.0.1/', strict.budget(), signal)).rejects.toMatchObject({ code: 'URL_REFUSED' });
    const named = new PictureFetcher({
      hosts: [parseAllowedHost('pictures.example')],
      pictureBytes: LIMIT,
      resolve: () => Promise.resolve(['::1']),
    });
    await expect(named.fetch('https://pictures.example/', named.budget(), signal)).rejects.toMatchObject({ code: 'URL_REFUSED' });
  });
});

describe('a name that changes its address', () => {
  it('is connected to where it was checked, and asked for once', async () => {
    let questions = 0;
    const server = await start({
      fetcher: fetcher({
        // Whoever asked again to connect would land in the network of the server.
        resolve: () => Promise.resolve(questions++ === 0 ? ['127.0.0.1'] : ['10.0.0.1']),
      }),
    });
    expect((await ask(server, at('/picture.png'))).status).toBe(200);
    expect(questions).toBe(1);
    questions = 0;
    expect(await ask(server, redirect('/picture.png'))).toMatchObject({ code: 'URL_REFUSED' });
    expect(questions).toBe(2);
  });
});

describe('a server that does ill', async () => {
  const server = await start({ fetcher: fetcher({ timeout_ms: 500 }) });
  it.each([
    ['/missing', 502, 'PICTURE_UNAVAILABLE'],
    ['/partial', 502, 'PICTURE_UNAVAILABLE'],
    ['/empty', 502, 'PICTURE_UNAVAILABLE'],
    ['/nowhere', 502, 'PICTURE_UNAVAILABLE'],
    ['/loop', 502, 'PICTURE_UNAVAILABLE'],
    ['/huge', 413, 'IMAGE_TOO_LARGE'],
    ['/endless', 413, 'IMAGE_TOO_LARGE'],
    ['/says-more', 502, 'PICTURE_UNAVAILABLE'],
    ['/says-twice', 502, 'PICTURE_UNAVAILABLE'],
    ['/slow', 504, 'PICTURE_TIMEOUT'],
    ['/silent', 504, 'PICTURE_TIMEOUT'],
    ['/hints', 504, 'PICTURE_TIMEOUT'],
    ['/headers', 502, 'PICTURE_UNAVAILABLE'],
    ['/nonsense', 502, 'PICTURE_UNAVAILABLE'],
    ['/bomb', 502, 'PICTURE_UNAVAILABLE'],
    ['/upgrade', 502, 'PICTURE_UNAVAILABLE'],
  ])('%s is answered %i %s, and the connection ended', async (path, status, code) => {
    expect(await ask(server, at(path))).toMatchObject({ status, code });
    await vi.waitFor(async () => {
      expect(await host.connections()).toBe(0);
    });
  });

  it('and says less than it sends is read as far as it said', async () => {
    const bytes = await fetcher().fetch(at('/says-less'), fetcher().budget(), new AbortController().signal);
    expect(bytes.toString()).toBe('picture');
  });

  it.each([
    ['is not the one of that name', fetcher(), 'other.example', () => host.port],
    ['has expired', fetcher({ hosts: [`pictures.example:${expired.port}`].map(parseAllowedHost) }), 'pictures.example', () => expired.port],
    [
      'is vouched for by nobody',
      new PictureFetcher({
        hosts: [parseAllowedHost(`pictures.example:${host.port}`)],
        pictureBytes: LIMIT,
        resolve: () => Promise.resolve(['127.0.0.1']),
        mayConnect: () => true,
      }),
      'pictures.example',
      () => host.port,
    ],
  ])('and whose certificate %s gets no request', async (_, picky, name, port) => {
    host.asked.length = expired.asked.length = 0;
    const found = await ask(await start({ fetcher: picky }), `https://${name}:${port()}/picture.png`);
    expect(found).toMatchObject({ status: 502, code: 'PICTURE_UNAVAILABLE', message: expect.stringMatching(/CERT|VERIFY/) as string });
    expect([...host.asked, ...expired.asked]).toEqual([]);
  });

  it('is held to the same certificate where the environment says otherwise', async () => {
    vi.spyOn(process, 'emitWarning').mockReturnValue();
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await ask(server, at('/picture.png', 'other.example'))).toMatchObject({ code: 'PICTURE_UNAVAILABLE' });
    } finally {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
    }
  });

  it('or is not there, or has no name, is unavailable', async () => {
    const gone = await PictureHost.start(authority.issue(['pictures.example']));
    const { port } = gone;
    await gone.close();
    const picky = fetcher({ hosts: [`pictures.example:${port}`, 'nameless.example'].map(parseAllowedHost) });
    const away = await start({ fetcher: picky });
    for (const url of [`https://pictures.example:${port}/`, 'https://nameless.example/']) {
      expect(await ask(away, url)).toMatchObject({ status: 502, code: 'PICTURE_UNAVAILABLE' });
    }
  });
});

describe('many pictures', () => {
  it('have a limit together', async () => {
    const server = await start({ fetcher: fetcher({ totalBytes: 150_000 }) });
    const urls = ['a', 'b', 'c'].map((name) => at(`/large.png?${name}`));
    expect((await ask(server, ...urls.slice(1))).status).toBe(200);
    expect(await ask(server, ...urls)).toMatchObject({ status: 413, code: 'IMAGE_TOO_LARGE' });
  });

  it('have a time together', async () => {
    const server = await start({ fetcher: fetcher({ timeout_ms: 500 }) });
    host.asked.length = 0;
    const urls = [at('/picture.png'), at('/silent?a'), at('/silent?b')];
    expect(await ask(server, ...urls)).toMatchObject({ status: 504, code: 'PICTURE_TIMEOUT' });
    expect(host.asked.filter((path) => path === '/silent')).toHaveLength(1);
  });

  it('have a limit in number', async () => {
    const server = await start({ fetcher: fetcher() });
    host.asked.length = 0;
    const urls = Array.from({ length: 5 }, (_, index) => at(`/picture.png?${index}`));
    expect(await ask(server, ...urls)).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    expect(host.asked).toEqual([]);
  });
});

describe('a client that leaves while its picture is fetched', () => {
  it('ends the fetch and makes room', async () => {
    const server = await start({ fetcher: fetcher({ timeout_ms: 60_000 }), parallel: 1, maxQueue: 0 });
    const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const payload = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: at('/slow') } }] }] };
    const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    request.on('error', () => undefined).end(JSON.stringify(payload));
    await vi.waitFor(async () => {
      expect(await host.connections()).toBe(1);
    });
    request.destroy();
    await vi.waitFor(async () => {
      expect(await host.connections()).toBe(0);
    });
    await vi.waitFor(async () => {
      expect((await ask(server, at('/picture.png'))).status).toBe(200);
    });
  });

  it('a deadline ends it, too', async () => {
    const server = await start({ fetcher: fetcher({ timeout_ms: 60_000 }), deadline_ms: 200 });
    expect(await ask(server, at('/silent'))).toMatchObject({ status: 504, code: 'DEADLINE_EXCEEDED' });
  });
});
