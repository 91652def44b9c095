import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCli } from '../../cli/run-cli.js';
import { apiPython } from './api-python.js';
import { startedUrl, stopServer } from './server-process.js';

export interface SchemathesisResult {
  /** Requests that were generated. */
  readonly requests: number;
  /** What schemathesis said when it found something; null when it found nothing. */
  readonly failure: string | null;
}

const HOOKS = fileURLToPath(new URL('./', import.meta.url));
const CONFIG = fileURLToPath(new URL('./schemathesis.toml', import.meta.url));
const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
/** Operations there are at least; the examples of each are of so many. */
const OPERATIONS = 12;

/**
 * Starts the server over the runtime that computes nothing and has schemathesis generate requests from its OpenAPI description, seed by seed
 * until there are enough: valid ones and invalid ones, the limits of every field first. Undescribed statuses, 500 and bodies against
 * the schema are failures.
 */
export async function runSchemathesis(
  requests: number,
  { seed: first = 1, onOutput }: { readonly seed?: number; readonly onOutput?: (text: string) => void } = {},
): Promise<SchemathesisResult> {
  const programs = await apiPython();
  const cwd = await mkdtemp(join(tmpdir(), 'edgevlm-schemathesis-'));
  const server = startCli(['serve', '--runtime', 'null', '--port', '0', '--json', '--log-file', ''], { cwd });
  try {
    const url = await startedUrl(server);
    let generated = 0;
    for (let seed = first; generated < requests; seed++) {
      const examples = Math.max(1, Math.ceil((requests - generated) / OPERATIONS));
      const { code, output } = await run(join(programs, 'schemathesis'), [
        ...[
          '--config-file',
          CONFIG,
          'run',
          `${url}/openapi.json`,
          '--phases',
          seed === first ? 'coverage,fuzzing' : 'fuzzing',
          '--checks',
          CHECKS,
        ],
        ...['--max-examples', String(examples), '--seed', String(seed), '--continue-on-failure', '--no-color'],
        ...[
          '--generation-database',
          'none',
          '--suppress-health-check',
          'all',
          '--request-timeout',
          '60',
          '--no-shrink',
          '--warnings',
          'off',
        ],
      ]);
      onOutput?.(output);
      const counted = Number(/^\s*(\d+) generated\b/m.exec(output)?.[1] ?? 0);
      generated += counted;
      if (code !== 0 || counted === 0) return { requests: generated, failure: output.slice(-8000) };
    }
    return { requests: generated, failure: null };
  } finally {
    await stopServer(server);
    await rm(cwd, { recursive: true, force: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const env = { ...process.env, PYTHONPATH: HOOKS, SCHEMATHESIS_HOOKS: 'schemathesis_hooks', PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(program, args, { env, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return { code: child.exitCode, output };
}
