import { once } from 'node:events';
import { mkdtemp, readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { memoryGrowth, type MemoryReading } from './support/memory-growth.js';
import { form } from './support/null-app.js';
import { readAnonymousBytes } from './support/read-anonymous-bytes.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

/** CI sends this many pictures; `EDGEVLM_SOAK_PICTURES=7500` is a soak: the engine's 32 MiB for encoded pictures are full after 4,100. */
const PICTURES = Number(process.env['EDGEVLM_SOAK_PICTURES'] ?? 200);
const SOAK = 7300;
/** Caches are full and code is compiled from here on. */
const WARM = PICTURES >= SOAK ? 4200 : Math.floor(0.65 * PICTURES);
/** Moments at which memory is read: 20 blocks of them. */
const MOMENTS = PICTURES >= SOAK ? 100 : 40;
/** Both processes can be asked to give back what nobody holds. */
const PRELOADED = `--import ${new URL('../engine/children/collect-on-signal.ts', import.meta.url).href}`;
let server: ShapesServer | undefined;

afterAll(async () => {
  await server?.stop();
});

interface Reading extends MemoryReading {
  readonly files: number;
}

/** The engine's process passes it on to the server's, and that to this one. */
async function collected(engine: number): Promise<void> {
  const both = once(process, 'SIGUSR2');
  process.kill(engine, 'SIGUSR2');
  await both;
}

async function read(pid: number, at: number): Promise<Reading> {
  return { at, bytes: await readAnonymousBytes(pid), files: (await readdir(`/proc/${pid}/fd`)).length };
}

it.runIf(process.platform === 'linux')(
  'memory and files stay as they are, whatever clients do',
  async () => {
    const env = { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} ${PRELOADED}` };
    server = await startShapesServer(await mkdtemp(join(tmpdir(), 'edgevlm-soak-')), [], env);
    const { url, pid } = server;
    const engine = await server.enginePid();
    const readings: { server: Reading; engine: Reading }[] = [];
    for (let index = 0; index < PICTURES; index++) {
      await misbehave(url, index);
      const { payload, headers } = form({ max_length: '24' }, await picture(index));
      const response = await fetch(`${url}/caption`, { method: 'POST', body: payload, headers });
      expect([index, response.status, (await response.text()).length > 0]).toEqual([index, 200, true]);
      const isDue = index % Math.max(1, Math.floor((PICTURES - WARM) / MOMENTS)) === 0;
      if (index < WARM || !isDue) continue;
      await collected(engine);
      readings.push({ server: await read(pid, index), engine: await read(engine, index) });
    }
    const files = (name: 'server' | 'engine'): number => {
      const counts = readings.map((reading) => reading[name].files);
      return Math.max(...counts) - Math.min(...counts);
    };
    const series = (name: 'server' | 'engine'): Reading[] => readings.map((reading) => reading[name]);
    const figures = {
      serverGrowth: memoryGrowth(series('server')),
      engineGrowth: memoryGrowth(series('engine')),
      serverFiles: files('server'),
      engineFiles: files('engine'),
    };
    if (process.env['EDGEVLM_SOAK_PICTURES'] !== undefined) {
      const mebibytes = (name: 'server' | 'engine'): number => (series(name).at(-1)?.bytes ?? 0) / 1024 / 1024;
      process.stdout.write(`${JSON.stringify({ ...figures, server_mib: mebibytes('server'), engine_mib: mebibytes('engine') })}\n`);
    }
    // Few pictures say little of a slope: V8 collects when it likes.
    const bound = PICTURES >= SOAK ? 0.03 : 0.25;
    expect(figures.engineGrowth).toBeLessThan(bound);
    expect(figures.serverGrowth).toBeLessThan(bound);
    expect(figures.engineFiles).toBeLessThanOrEqual(2);
    expect(figures.serverFiles).toBeLessThanOrEqual(8);
  },
  3_600_000,
);

/** Some clients send damaged pictures, some hang up in mid-request and some in mid-answer. */
async function misbehave(url: string, index: number): Promise<void> {
  if (index % 5 === 1) {
    const { payload, headers } = form({}, (await picture(index)).subarray(0, 100));
    const response = await fetch(`${url}/caption`, { method: 'POST', body: payload, headers });
    expect(response.status).toBe(400);
    await response.text();
  }
  if (index % 5 === 3) {
    const { payload, headers } = form({ max_length: '500' }, await picture(index + 1_000_000));
    const request = httpRequest(`${url}/caption`, { method: 'POST', headers: { ...headers, 'content-length': payload.length } });
    request.on('error', () => undefined);
    if (index % 2 === 0) request.write(payload.subarray(0, 60));
    else request.end(payload);
    await sleep(10);
    request.destroy();
  }
}
