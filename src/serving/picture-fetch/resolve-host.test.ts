import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { nameResolver } from './resolve-host.js';

const A = 1;
const AAAA = 28;
let socket: Socket | undefined;

afterEach(() => {
  socket?.close();
  socket = undefined;
});

/** A name server (RFC 1035 §4) that has the same records for every name; null: it says nothing. */
async function nameServer(records: (type: number) => readonly Buffer[] | null): Promise<string> {
  const server = createSocket('udp4');
  socket = server;
  server.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5;
    const type = query.readUInt16BE(end - 4);
    const found = records(type);
    if (found === null) return;
    const head = Buffer.from([0x81, 0x80, 0, 1, 0, found.length, 0, 0, 0, 0]);
    const answers = found.map((data) => Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]), data]));
    server.send(Buffer.concat([query.subarray(0, 2), head, query.subarray(12, end), ...answers]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${server.address().port}`;
}

const four = (...bytes: readonly number[]): Buffer => Buffer.from(bytes);
const LOOPBACK6 = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const { signal } = new AbortController();

it('tells all addresses of both kinds', async () => {
  const server = await nameServer((type) => (type === A ? [four(1, 1, 1, 1), four(10, 0, 0, 1)] : [LOOPBACK6]));
  expect([...(await nameResolver([server])('pictures.example', signal))].sort()).toEqual(['1.1.1.1', '10.0.0.1', '::1']);
});

it('tells those of one kind where there are no others', async () => {
  const only = await nameServer((type) => (type === AAAA ? [LOOPBACK6] : []));
  expect(await nameResolver([only])('pictures.example', signal)).toEqual(['::1']);
});

it('says so when there are none', async () => {
  const server = await nameServer(() => []);
  await expect(nameResolver([server])('pictures.example', signal)).rejects.toMatchObject({ code: 'PICTURE_UNAVAILABLE' });
});

it('stops asking a server that says nothing when nobody waits any more', async () => {
  const asked = new AbortController();
  const server = await nameServer(() => {
    asked.abort();
    return null;
  });
  await expect(nameResolver([server])('pictures.example', asked.signal)).rejects.toMatchObject({
    cause: expect.objectContaining({ code: 'ECANCELLED' }) as Error,
  });
});
