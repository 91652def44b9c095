import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { form } from './support/null-app.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

/** CI sends this many pictures; `EDGEVLM_SOAK_PICTURES=7000` is a soak: the engine's 32 MiB for encoded pictures are full after 4,100. */
const PICTURES = Number(process.env['EDGEVLM_SOAK_PICTURES'] ?? 200);
/** Caches are full and code is compiled after this share of them. */
const WARM = 0.65;
const READINGS = 60;
let server: ShapesServer | undefined;

afterAll(async () => {
  await server?.stop();
});

interface Reading {
  readonly bytes: number;
  readonly files: number;
}

/** RssAnon + VmSwap: what leaks grow. RSS would hide it behind mapped files and swap. */
async function read(pid: number): Promise<Reading> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return { bytes: 1024 * (kilobytes('RssAnon') + kilobytes('VmSwap')), files: (await readdir(`/proc/${pid}/fd`)).length };
}

/** Least squares: the upper 95% bound of the slope over the whole run, as a share of the mean. */
function growth(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const centre = (n - 1) / 2;
  let [sxx, sxy] = [0, 0];
  values.forEach((value, index) => {
    sxx += (index - centre) ** 2;
    sxy += (index - centre) * (value - mean);
  });
  const slope = sxy / sxx;
  const residual = values.reduce((sum, value, index) => sum + (value - mean - slope * (index - centre)) ** 2, 0);
  const error = Math.sqrt(residual / (n - 2) / sxx);
  return ((slope + 1.96 * error) * n) / mean;
}

it.runIf(process.platform === 'linux')(
  'memory and files stay as they are, whatever clients do',
  async () => {
    server = await startShapesServer(await mkdtemp(join(tmpdir(), 'edgevlm-soak-')));
    const { url, pid } = server;
    const engine = await server.enginePid();
    const readings: { server: Reading; engine: Reading }[] = [];
    for (let index = 0; index < PICTURES; index++) {
      await misbehave(url, index);
      const { payload, headers } = form({ max_length: '24' }, await picture(index));
      const response = await fetch(`${url}/caption`, { method: 'POST', body: payload, headers });
      expect([index, response.status, (await response.text()).length > 0]).toEqual([index, 200, true]);
      const isDue = index % Math.max(1, Math.floor((PICTURES * (1 - WARM)) / READINGS)) === 0;
      if (index >= PICTURES * WARM && isDue) readings.push({ server: await read(pid), engine: await read(engine) });
    }
    const series = (name: 'server' | 'engine', field: keyof Reading): number[] => readings.map((reading) => reading[name][field]);
    const figures = {
      serverGrowth: growth(series('server', 'bytes')),
      engineGrowth: growth(series('engine', 'bytes')),
      serverFiles: Math.max(...series('server', 'files')) - Math.min(...series('server', 'files')),
      engineFiles: Math.max(...series('engine', 'files')) - Math.min(...series('engine', 'files')),
    };
    if (process.env['EDGEVLM_SOAK_PICTURES'] !== undefined) {
      const mebibytes = (name: 'server' | 'engine'): number => (series(name, 'bytes').at(-1) ?? 0) / 1024 / 1024;
      process.stdout.write(`${JSON.stringify({ ...figures, server_mib: mebibytes('server'), engine_mib: mebibytes('engine') })}\n`);
    }
    // Few pictures say little of a slope: V8 collects when it likes.
    const bound = PICTURES >= 7000 ? 0.03 : 0.25;
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
