import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import { KeyFile } from '../../src/server/keys/key-file.js';
import { KeyRing } from '../../src/server/keys/key-ring.js';
import type { Scope } from '../../src/server/keys/scope.js';
import { runCli } from '../cli/run-cli.js';
import { form, type TestApp, testApp } from './support/null-app.js';

let file: KeyFile;
let server: TestApp | undefined;

beforeEach(async () => {
  file = new KeyFile(join(await mkdtemp(join(tmpdir(), 'edgevlm-keys-')), 'home', 'keys.json'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const make = async (scopes: readonly Scope[] = ['infer'], expiresAt: Date | null = null): Promise<{ key: string; id: string }> => {
  const { key, record } = await file.create({ name: 'test', scopes, expiresAt });
  return { key, id: record.id };
};

describe('the file of keys', () => {
  it('never holds a key, and is only for its owner', async () => {
    const { key, id } = await make();
    expect(key).toMatch(/^evlm_[\w-]{43}$/);
    expect(await file.read()).toEqual([expect.objectContaining({ id, name: 'test', scopes: ['infer'], expiresAt: null })]);
    expect(await readFile(file.path, 'utf8')).not.toContain(key.slice(5));
    if (process.platform !== 'win32') expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  });

  it('loses none when several are made and revoked at once', async () => {
    const first = await make();
    const made = await Promise.all([...Array.from({ length: 8 }, () => make()), file.revoke(first.id)]);
    expect((await file.read()).map(({ id }) => id).sort()).toEqual(made.flatMap((one) => ('key' in one ? [one.id] : [])).sort());
    expect(await readdir(dirname(file.path))).toEqual(['keys.json']);
  });

  it('is left as it is when it is damaged, and says so', async () => {
    await make(['infer', 'metrics'], new Date());
    const whole = await readFile(file.path);
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.nat(whole.length - 2).map((length) => whole.subarray(0, length)),
      fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        return bytes;
      }),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        await writeFile(file.path, bytes);
        try {
          // A flipped bit in a name or a hash is another name or hash.
          expect((await file.read()).length).toBeLessThanOrEqual(1);
        } catch (thrown) {
          expect(EdgeVlmError.from(thrown).code).toBe('KEYS_INVALID');
          await expect(make()).rejects.toMatchObject({ code: 'KEYS_INVALID' });
          await expect(file.revoke('00000000')).rejects.toMatchObject({ code: 'KEYS_INVALID' });
          expect(await readFile(file.path)).toEqual(Buffer.from(bytes));
          refused++;
        }
      }),
      { numRuns: Number(process.env['EDGEVLM_FUZZ_KEYS'] ?? 200) },
    );
    expect(refused).toBeGreaterThan(0);
    expect(await readdir(dirname(file.path))).toEqual(['keys.json']);
  }, 600_000);

  it('keeps a server from starting while it is damaged', async () => {
    await make();
    await writeFile(file.path, '{');
    await expect(KeyRing.open({ given: [], file })).rejects.toMatchObject({ code: 'KEYS_INVALID' });
  });

  it('is what the command line writes and reads', async () => {
    const cwd = dirname(file.path);
    await make();
    const keys = (...args: readonly string[]) => runCli(['keys', ...args], { cwd });
    const made = JSON.parse(
      (await keys('create', '--name', 'laptop', '--scope', 'infer,metrics', '--expires', '30d', '--json')).stdout,
    ) as {
      key: string;
      id: string;
      expires_at: string;
    };
    expect(Math.round((Date.parse(made.expires_at) - Date.now()) / 86_400_000)).toBe(30);
    const { stdout } = await keys('list');
    expect(stdout).toMatch(new RegExp(`${made.id} +laptop +infer,metrics`));
    expect(stdout).not.toContain(made.key.slice(5));
    expect((await keys('revoke', made.id)).stdout).toBe(`${made.id} revoked\n`);
    const again = await keys('revoke', made.id);
    expect([again.code, again.stderr]).toEqual([65, expect.stringContaining('KEY_UNKNOWN')]);
    expect(await file.read()).toHaveLength(1);
  });
});

/** A server whose clock goes on when it is told to. */
async function serve(given: readonly string[] = []): Promise<{ app: TestApp['app']; after: (ms: number) => void }> {
  let now_ms = Date.now();
  const keys = await KeyRing.open({ given, file, now_ms: () => now_ms });
  server = await testApp({ keys });
  const { app } = server;
  app.post('/change', () => ({}));
  app.get('/settings', { config: { scope: 'admin' } }, () => ({}));
  return { app, after: (ms) => (now_ms += ms) };
}

const statusOf = async (app: TestApp['app'], path: string, key?: string, more: Record<string, string> = {}): Promise<number> => {
  const headers = { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...more };
  if (path === '/change') return (await app.inject({ method: 'POST', url: path, headers })).statusCode;
  if (path !== '/caption') return (await app.inject({ url: path, headers })).statusCode;
  const { payload, headers: type } = form({ max_length: '2' }, Buffer.from('picture'));
  return (await app.inject({ method: 'POST', url: path, payload, headers: { ...headers, ...type } })).statusCode;
};

const PATHS = ['/caption', '/v1/models', '/metrics', '/metrics/prometheus', '/openapi.json', '/change', '/settings', '/nothing'] as const;

describe('a scope', () => {
  it.each<[Scope, number[]]>([
    ['infer', [200, 200, 403, 403, 200, 403, 403, 404]],
    ['metrics', [403, 403, 200, 200, 200, 403, 403, 404]],
    ['admin', [200, 200, 200, 200, 200, 200, 200, 404]],
  ])('%s opens its routes and no others', async (scope, statuses) => {
    const { key } = await make([scope]);
    const { app } = await serve();
    expect(await Promise.all(PATHS.map((path) => statusOf(app, path, key)))).toEqual(statuses);
    expect(await Promise.all(PATHS.map((path) => statusOf(app, path)))).toEqual(PATHS.map(() => 401));
  });

  it('that is missing is told in the words of the interface', async () => {
    const { key } = await make(['metrics']);
    const { app } = await serve();
    const { headers, statusCode } = await app.inject({ url: '/v1/models', headers: { 'x-api-key': key } });
    expect([statusCode, headers['x-error-code']]).toEqual([403, 'FORBIDDEN']);
    const body = (await app.inject({ url: '/v1/models', headers: { 'x-api-key': key } })).json<{ error: { type: string } }>();
    expect(body.error.type).toBe('permission_error');
  });

  it('is none for keys that the server was started with: they open everything', async () => {
    const { app } = await serve(['sesame']);
    expect(await Promise.all(PATHS.slice(0, -1).map((path) => statusOf(app, path, 'sesame')))).toEqual(PATHS.slice(1).map(() => 200));
  });
});

describe('without any key', () => {
  it('what changes the server is for programs of its machine', async () => {
    const { app } = await serve();
    expect(await statusOf(app, '/caption')).toBe(200);
    expect([await statusOf(app, '/change'), await statusOf(app, '/settings')]).toEqual([200, 200]);
    const from = async (remoteAddress: string, headers = {}): Promise<number> =>
      (await app.inject({ url: '/settings', remoteAddress, headers })).statusCode;
    expect([await from('::1'), await from('::ffff:127.0.0.1')]).toEqual([200, 200]);
    expect([await from('192.168.1.7'), await from('::ffff:10.0.0.1'), await from('2606:4700::1')]).toEqual([403, 403, 403]);
    // What a proxy on this machine passes on.
    expect(await from('127.0.0.1', { 'x-forwarded-for': '192.168.1.7' })).toBe(403);
  });
});

describe('a server that runs', () => {
  it('takes a key that is made, and none any more that is revoked, within a second', async () => {
    const { app, after } = await serve();
    expect(await statusOf(app, '/v1/models')).toBe(200);
    const { key, id } = await make();
    after(1000);
    expect([await statusOf(app, '/v1/models'), await statusOf(app, '/v1/models', key)]).toEqual([401, 200]);
    await file.revoke(id);
    after(1000);
    // The last key is gone: that locks out, and does not open.
    expect([await statusOf(app, '/v1/models'), await statusOf(app, '/v1/models', key)]).toEqual([401, 401]);
  });

  it('refuses a key that has expired', async () => {
    const { key } = await make(['infer'], new Date(Date.now() + 60_000));
    const { app, after } = await serve();
    expect(await statusOf(app, '/v1/models', key)).toBe(200);
    after(61_000);
    expect(await statusOf(app, '/v1/models', key)).toBe(401);
  });

  it('goes on with the keys it knows while the file is damaged', async () => {
    const { key } = await make();
    const { app, after } = await serve();
    const whole = await readFile(file.path);
    await writeFile(file.path, whole.subarray(1));
    after(1000);
    expect([await statusOf(app, '/v1/models', key), await statusOf(app, '/v1/models', 'other')]).toEqual([200, 401]);
    await writeFile(file.path, whole);
    const second = await make();
    after(1000);
    expect(await statusOf(app, '/v1/models', second.key)).toBe(200);
  });
});
