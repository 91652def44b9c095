import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { type RequestOptions, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Logger } from '../../src/core/logger.js';
import { TlsCertificate } from '../../src/server/tls-certificate.js';
import { runCli } from '../cli/run-cli.js';
import { TestAuthority, type TestCertificate } from './support/make-certificate.js';
import { type TestApp, testApp } from './support/null-app.js';

const authority = new TestAuthority();
let folder: string;
let files: { readonly cert: string; readonly key: string };
let server: TestApp | undefined;
let log: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgevlm-tls-'));
  files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  log = [];
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const logger = new Logger({ sink: (line) => void log.push(line) });

async function save({ cert, key }: TestCertificate): Promise<void> {
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
}

async function serve(): Promise<number> {
  const app = await testApp({ tls: await TlsCertificate.open(files, logger, 20) });
  server = app;
  await app.app.listen({ host: '127.0.0.1', port: 0 });
  return (app.app.server.address() as AddressInfo).port;
}

async function ask(port: number, options: RequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
  const request = get({
    host: '127.0.0.1',
    port,
    path: '/v1/models',
    servername: 'edge.example',
    ca: authority.ca,
    agent: false,
    ...options,
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode, ...response.headers };
}

async function serialOf(port: number): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername: 'edge.example', ca: authority.ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('over TLS', () => {
  it('requests are answered, and browsers told to come no other way', async () => {
    await save(authority.issue(['edge.example']));
    const port = await serve();
    expect(await ask(port, { headers: { host: 'edge.example' } })).toMatchObject({
      status: 200,
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
    });
    expect(await ask(port, { headers: { host: 'localhost' } })).not.toHaveProperty('strict-transport-security');
    await expect(ask(port, { servername: 'other.example' })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(ask(port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
    const plain = httpGet({ host: '127.0.0.1', port });
    await expect(once(plain, 'response')).rejects.toThrow();
  });

  it('a renewed certificate is shown without a restart, a wrong one never', async () => {
    await save(authority.issue(['edge.example']));
    const port = await serve();
    const first = await serialOf(port);
    const renewed = authority.issue(['edge.example']);
    // The certificate is there before its key, as renewal programs write them.
    await writeFile(files.cert, renewed.cert);
    await vi.waitFor(() => {
      expect(log.join('\n')).toContain('TLS_INVALID');
    });
    expect(await serialOf(port)).toBe(first);
    await writeFile(files.key, renewed.key);
    await vi.waitFor(async () => {
      expect(await serialOf(port)).not.toBe(first);
    });
    await writeFile(files.cert, 'damaged');
    const second = await serialOf(port);
    await vi.waitFor(() => {
      expect(log.filter((line) => line.includes('TLS_INVALID')).length).toBeGreaterThan(1);
    });
    expect(await serialOf(port)).toBe(second);
    expect(log.join('\n')).not.toContain('PRIVATE KEY');
  });
});

describe('files that are no certificate and key', () => {
  const open = () => TlsCertificate.open(files, logger);

  it('are told apart', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    const one = authority.issue(['edge.example']);
    await save({ ...one, cert: 'no PEM' });
    await expect(open()).rejects.toMatchObject({ code: 'TLS_INVALID', message: expect.stringContaining('cert.pem') as string });
    await save({ ...one, key: one.cert });
    await expect(open()).rejects.toMatchObject({ code: 'TLS_INVALID', message: expect.stringContaining('key.pem') as string });
    await save({ ...one, key: authority.issue(['edge.example']).key });
    await expect(open()).rejects.toMatchObject({ code: 'TLS_INVALID', message: expect.stringContaining('not the one') as string });
    await save({ ...one, cert: `${one.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` });
    await expect(open()).rejects.toMatchObject({ code: 'TLS_INVALID' });
    await writeFile(files.cert, Buffer.from(one.cert.replace(/-.*-/g, ''), 'base64'));
    await expect(open()).rejects.toMatchObject({ code: 'TLS_INVALID' });
    expect(await readFile(files.key, 'utf8')).toBe(one.key);
  });

  it('a certificate that has expired is warned of', async () => {
    await save(authority.issue(['edge.example'], -1));
    await open();
    expect(log.join('\n')).toMatch(/WARN .*expired/);
  });

  it('are refused before a model is loaded', async () => {
    const none = await runCli(['serve', '--tls-cert', files.cert, '--tls-key', files.key], { cwd: folder });
    expect([none.code, none.stderr]).toEqual([65, expect.stringContaining('FILE_NOT_FOUND')]);
  });
});
