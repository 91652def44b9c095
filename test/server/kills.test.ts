import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { form } from './support/null-app.js';
import { readAnonymousBytes } from './support/read-anonymous-bytes.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

/** CI sends this many requests; `EDGEVLM_KILLS_REQUESTS=3000` is a campaign. */
const REQUESTS = Number(process.env['EDGEVLM_KILLS_REQUESTS'] ?? 150);
/** The engine is killed once in so many requests, when half of them are answered. */
const ROUND = 50;
/** More than the server runs at once (4), so that some wait while the engine dies. */
const CLIENTS = 8;
const PARALLEL = 4;
/** The server keeps what it cut of some 1,100 pictures of this size: 64 MiB. */
const WARM = 1500;
/** V8 collects what lies on top about every 16 rounds; what is held shows then, so halves are as long. */
const LEAST_ROUNDS = 30;
let server: ShapesServer | undefined;

afterAll(async () => {
  await server?.stop();
});

/** What the server held after a round, with no request on its way. */
interface Round {
  /** Its first request. */
  readonly at: number;
  readonly bytes: number;
  readonly files: number;
}

interface Exchange {
  readonly sent_ms: number;
  readonly ended_ms: number;
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: unknown;
}

async function caption(url: string, image: Buffer): Promise<Exchange> {
  const { payload, headers } = form({ max_length: '32' }, image);
  const sent_ms = performance.now();
  const response = await fetch(`${url}/caption`, { method: 'POST', body: payload, headers });
  const body: unknown = await response.json();
  return { sent_ms, ended_ms: performance.now(), status: response.status, retryAfter: response.headers.get('retry-after'), body };
}

const ANSWER = {
  caption: expect.stringMatching(/\w/) as string,
  latency: expect.any(Number) as number,
  tokens: expect.any(Number) as number,
  image_tokens: 16,
  finish_reason: expect.stringMatching(/^(stop|length)$/) as string,
  lossy: [],
  warnings: [],
};
const CRASHED = {
  error: { code: 'ENGINE_CRASHED', message: expect.stringMatching(/SIGKILL/) as string, hint: expect.any(String) as string },
};

it.runIf(process.platform === 'linux')(
  'an engine that is killed again and again costs the requests in flight, and nothing else',
  async () => {
    server = await startShapesServer(await mkdtemp(join(tmpdir(), 'edgevlm-kills-')));
    const { url, pid } = server;
    const readings: Round[] = [];
    const first = await caption(url, await picture(0));
    let answered = 1;
    let failed = 0;
    for (let start = 1; start < REQUESTS; start += ROUND) {
      const victim = await server.enginePid();
      let next = start;
      let done = 0;
      let killed_ms = Infinity;
      const lost: { readonly exchange: Exchange; readonly image: Buffer }[] = [];
      const client = async (): Promise<void> => {
        while (next < start + ROUND) {
          const image = await picture(next++);
          const exchange = await caption(url, image);
          if (exchange.status === 503) {
            lost.push({ exchange, image });
            continue;
          }
          expect(exchange).toMatchObject({ status: 200, body: ANSWER });
          answered++;
          if (++done !== ROUND / 2) continue;
          process.kill(victim, 'SIGKILL');
          killed_ms = performance.now();
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
      expect(killed_ms).toBeLessThan(Infinity);
      expect(lost.length).toBeLessThanOrEqual(PARALLEL);
      // In flight: sent before the server had learnt that the engine is gone, which takes it some milliseconds.
      const learnt_ms = Math.min(...lost.map(({ exchange }) => exchange.ended_ms));
      expect(learnt_ms).toBeGreaterThan(killed_ms);
      for (const { exchange } of lost) {
        expect(exchange).toMatchObject({ retryAfter: '1', body: CRASHED });
        expect(exchange.sent_ms).toBeLessThan(learnt_ms);
      }
      // What was there when the engine died is not at fault: sent again, as Retry-After says, it is answered.
      const again = await Promise.all(lost.map(({ image }) => caption(url, image)));
      expect(again.map(({ status }) => status)).toEqual(lost.map(() => 200));
      failed += lost.length;
      answered += lost.length;
      readings.push({ at: start, bytes: await readAnonymousBytes(pid), files: (await readdir(`/proc/${pid}/fd`)).length });
    }
    const kills = readings.length;
    await vi.waitFor(
      async () => {
        expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
          status: 'healthy',
          model: { state: 'ready', restarts: kills },
        });
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(failed).toBeGreaterThan(0);
    expect(await (await fetch(`${url}/metrics`)).json()).toMatchObject({
      inference_metrics: { total_inferences: answered, failed_inferences: failed, cancelled_inferences: 0 },
      queue: { running: 0, waiting: 0 },
      engine: { restarts: kills, quarantined_pictures: 0 },
    });
    expect(await caption(url, await picture(0))).toMatchObject({ body: { caption: (first.body as { caption: string }).caption } });
    const files = readings.map((reading) => reading.files);
    expect(Math.max(...files) - Math.min(...files)).toBeLessThanOrEqual(CLIENTS);
    const warm = readings.filter(({ at }) => at >= WARM);
    const half = Math.floor(warm.length / 2);
    const least = (rounds: readonly Round[]): number => Math.min(...rounds.map(({ bytes }) => bytes));
    const growth = warm.length >= LEAST_ROUNDS ? least(warm.slice(half)) / least(warm.slice(0, half)) - 1 : null;
    if (process.env['EDGEVLM_KILLS_REQUESTS'] !== undefined) {
      const server_mib = readings.map(({ bytes }) => Math.round(bytes / 1024 / 1024));
      process.stdout.write(`${JSON.stringify({ answered, failed, kills, growth, server_mib, files })}\n`);
    }
    if (growth !== null) expect(growth).toBeLessThan(0.1);
  },
  3_600_000,
);
