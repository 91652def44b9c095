import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCellSettings } from '../../src/bench/plans/cell-runner.js';
import { serveCell } from '../../src/cli/cells/serve-cell.js';
import { NO_PROGRESS } from '../../src/core/progress.js';
import { runCli, startCli } from '../cli/run-cli.js';
import { startedUrl, stopServer } from '../server/support/server-process.js';

const LLAMA_SERVER = process.env['EDGEVLM_TEST_LLAMA_SERVER'];
const MODEL = fileURLToPath(new URL('../../models/shapes/shapes-f16.gguf', import.meta.url));
const LITTLE = ['--requests', '2', '--rounds', '1', '--warmup', '1', '--max-tokens', '8', '--side', '64', '--second-questions', '1'];
const LEAST = [...LITTLE, '--evict-with', '1', '--stall-pictures', '1', '--overhead-pictures', '1', '--no-mlflow', '--json'];

let cwd: string;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'edgevlm-bench-serve-'));
  server = startCli(['serve', '--runtime', 'null', '--port', '0', '--json', '--log-file', ''], { cwd });
  url = await startedUrl(server);
}, 60_000);

afterAll(async () => {
  await stopServer(server);
});

interface Figures {
  readonly loads: readonly { readonly load: string; readonly ratio_rps: number | null; readonly server: { readonly answered: number } }[];
  readonly overhead_ms_p50: number | null;
  readonly overhead_in_process_ms_p50: number | null;
  readonly second_question: Readonly<Record<string, { readonly ratio: number | null; readonly pictures: number }>>;
  readonly verdicts: readonly { readonly name: string; readonly outcome: string }[];
}

const figuresOf = (stdout: string): Figures => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures;

describe('bench serve', () => {
  it('compares two servers in one line of JSON and saves a run record with its report', async () => {
    const out = join(cwd, 'run.json');
    const { code, stdout, stderr } = await runCli(
      ['bench', 'serve', '--url', url, '--url', url, '--clients', '1,2', '--rate', '50', ...LEAST, '--out', out],
      { cwd },
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining('the run is saved')]);
    const figures = figuresOf(stdout);
    expect(figures.loads.map(({ load }) => load)).toEqual(['clients_1', 'clients_2', 'rate_50']);
    for (const { ratio_rps, server: ours } of figures.loads) {
      expect(ratio_rps).toBeGreaterThan(0);
      expect(ours.answered).toBe(2);
    }
    expect(figures.overhead_ms_p50).not.toBeNull();
    expect(figures.second_question['prefix_broken']?.pictures).toBe(2);
    expect(figures.verdicts).toContainEqual(expect.objectContaining({ name: 'errors:server', outcome: 'pass' }));
    const record = JSON.parse(await readFile(out, 'utf8')) as {
      readonly command: string;
      readonly samples: readonly { readonly name: string }[];
    };
    expect(record.command).toBe('bench serve');
    expect(record.samples.map(({ name }) => name)).toContain('peer/rate_50/ttft_ms');
    expect(await readFile(join(cwd, 'run.md'), 'utf8')).toContain('| clients 2 | server |');
  }, 60_000);

  it('says what to do about a server that is away, about none at all, and about too few pictures', async () => {
    const away = await runCli(['bench', 'serve', '--url', 'http://127.0.0.1:9', ...LEAST], { cwd });
    expect(JSON.parse(away.stdout)).toMatchObject({ error: { code: 'SERVER_AWAY' } });
    const none = await runCli(['bench', 'serve', ...LEAST], { cwd });
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { code: 'USAGE' } });
    const folder = fileURLToPath(new URL('../fixtures/vision/pictures', import.meta.url));
    const few = await runCli(['bench', 'serve', '--url', url, '--clients', '1000', '--pictures', folder, ...LEAST], { cwd });
    expect(JSON.parse(few.stdout)).toMatchObject({ error: { code: 'USAGE', message: expect.stringContaining('are needed') as unknown } });
  }, 60_000);
});

describe('a cell of a plan', () => {
  const context = { signal: new AbortController().signal, onProgress: NO_PROGRESS };
  const settings = () => ({
    ...{ url, clients: 2, requests: 2, rounds: 1, warmup: 1, max_tokens: 4, side: 64, second_questions: 0, stall_pictures: 0 },
  });

  it('measures what its settings say, and takes no others', async () => {
    const { command, settings: recorded, scores } = await serveCell.run(settings(), context);
    expect(command).toBe('bench serve');
    expect(recorded.effective).toMatchObject({ loads: 'clients_2', requests: 2, max_tokens: 4, peer: null });
    expect(scores?.find(({ name }) => name === 'server.clients_2.requests_per_second')?.n).toBe(2);
    expect(() => {
      checkCellSettings(serveCell, 'serve', { ...settings(), model: 'shapes' });
    }).toThrow(/serve has no setting model/);
  });

  it('is known by its servers and its load', async () => {
    const one = await serveCell.identify(settings(), context.signal);
    expect(await serveCell.identify({ ...settings(), clients: 3 }, context.signal)).not.toEqual(one);
  });
});

describe.runIf(LLAMA_SERVER !== undefined)('against a real llama-server, bench serve', () => {
  it('starts both servers on the same files, and what HTTP adds to the engine', async () => {
    const program = LLAMA_SERVER ?? '';
    const args = ['--vs', 'llama-server', '--llama-server', program, '--model', MODEL, '--threads', '1', '--clients', '1', ...LEAST];
    const { code, stdout } = await runCli(['bench', 'serve', ...args], { cwd });
    const figures = figuresOf(stdout);
    expect(code).toBe(0);
    expect(figures.loads[0]?.ratio_rps).toBeGreaterThan(0);
    expect(figures.overhead_in_process_ms_p50).not.toBeNull();
  }, 180_000);
});
