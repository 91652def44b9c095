import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { picture, startShapesServer } from './support/shapes-server.js';

/** The seed's own file, every key of it. */
const SEEDS_CONFIG = await readFile(new URL('../../config.example.yaml', import.meta.url), 'utf8');

interface Answer {
  readonly caption: string;
  readonly lossy: readonly string[];
  readonly warnings: readonly string[];
  readonly tokens: number;
  readonly decoding: { readonly strategy: string; readonly drafted: number };
}

async function serve(config: string, more: readonly string[] = []) {
  const cwd = await mkdtemp(join(tmpdir(), 'edgevlm-config-'));
  await writeFile(join(cwd, 'config.yaml'), config);
  const server = await startShapesServer(cwd, more);
  const image = await picture(1);
  const caption = async (fields: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const body = new FormData();
    body.set('image', new Blob([image]), 'picture.png');
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const response = await fetch(`${server.url}/caption`, { method: 'POST', body });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  return { ...server, cwd, caption };
}

describe("the seed's config.yaml, served", async () => {
  const server = await serve(SEEDS_CONFIG);
  afterAll(() => server.stop());

  it('is obeyed: a draft guesses, the cache is compressed, and what the model is too small for is told', async () => {
    const answer = await server.caption();
    expect(answer.decoding.strategy).toBe('speculative');
    expect(answer.lossy.join()).toMatch(/pyramid/i);
    expect(answer.lossy.join()).toMatch(/gear/i);
    expect(answer.warnings.some((warning) => warning.includes('config.yaml') && warning.includes('exit_layers'))).toBe(true);
    const log = await readFile(join(server.cwd, 'logs', 'edgevlm.log'), 'utf8');
    expect(log.split('\n').filter((line) => line.includes('WARN') && line.includes('exit_layers'))).toHaveLength(1);
  });

  it('chooses as it says where a request does not, and a request goes before it', async () => {
    // At 0.7 seeds matter, at 0 they do not.
    const free = await Promise.all(['1', '2', '3', '4', '5', '6'].map((seed) => server.caption({ seed })));
    expect(new Set(free.map(({ caption }) => caption)).size).toBeGreaterThan(1);
    const greedy = await Promise.all(['1', '2', '3'].map((seed) => server.caption({ seed, temperature: '0' })));
    expect(new Set(greedy.map(({ caption }) => caption)).size).toBe(1);
    const plain = await server.caption({ decoding: 'plain', temperature: '0' });
    expect([plain.decoding.strategy, plain.decoding.drafted]).toEqual(['plain', 0]);
  });

  it('shows in the metrics: guesses, and what the caches hold', async () => {
    const metrics = (await (await fetch(`${server.url}/metrics`)).json()) as { inference_metrics: Record<string, number> };
    const { total_drafted_tokens, total_accepted_tokens, acceptance_rate, cache_bytes_used, cache_bytes_allocated, image_cache_hits } =
      metrics.inference_metrics;
    expect(total_drafted_tokens).toBeGreaterThan(0);
    expect(total_accepted_tokens).toBeGreaterThan(0);
    expect(acceptance_rate).toBeGreaterThan(0);
    expect(cache_bytes_allocated).toBeGreaterThan(cache_bytes_used ?? NaN);
    expect(image_cache_hits).toBeGreaterThan(0);
    const text = await (await fetch(`${server.url}/metrics/prometheus`)).text();
    expect(text).toMatch(/^edgevlm_accepted_tokens_total\{model="[^"]+"\} [1-9]/m);
    expect(text).toMatch(/^edgevlm_cache_bytes_allocated\{model="[^"]+"\} [1-9]/m);
  });
});

it('early exit of a config, and what flags and the keys of the server say', async () => {
  const config = `
optimizations:
  early_exit: { enabled: true, exit_layers: [2, 20], confidence_threshold: 0.5 }
inference: { max_length: 7 }
server: { reuse_answers: 5, memory_budget: 3G, models_dirs: [.], max_tokens: 20, pause_ms: 1, rate_limit: 1000, deadline_ms: 60000, preload: true }
calibration: none
logging: { file: here.log }
`;
  // The flag of the support is 48.
  const server = await serve(config, ['--default-tokens', '9']);
  try {
    const answer = await server.caption();
    expect(answer.decoding.strategy).toBe('early-exit');
    expect(answer.lossy.join()).toContain('after 2 layers above 0.5');
    expect(answer.warnings.join()).toContain('20');
    expect(answer.tokens).toBeLessThanOrEqual(9);
    expect((await server.caption()).lossy.join()).toContain('earlier picture, 0 away');
    expect((await server.caption({ reuse_similar: '0' })).lossy.join()).not.toContain('earlier');
    const metrics = (await (await fetch(`${server.url}/metrics`)).json()) as Record<'inference_metrics' | 'queue', Record<string, number>>;
    expect(metrics.inference_metrics['total_early_exits']).toBeGreaterThan(0);
    expect(metrics.inference_metrics['layers_saved']).toBeGreaterThan(0);
    expect(metrics.queue['pauses']).toBeGreaterThan(0);
    expect(await readFile(join(server.cwd, 'here.log'), 'utf8')).toContain('listening');
    const models = await fetch(`${server.url}/models`);
    expect(models.headers.get('x-ratelimit-limit')).toBe('1000');
    expect(await models.json()).toMatchObject({ memory: { budget: 3 * 1024 ** 3 } });
    const body = JSON.stringify({ prompt: 'a', max_tokens: 21 });
    const tooMany = await fetch(`${server.url}/v1/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect([tooMany.status, await tooMany.text()]).toEqual([400, expect.stringContaining('at most 20') as string]);
  } finally {
    expect(await server.stop()).toBe(0);
  }
});
