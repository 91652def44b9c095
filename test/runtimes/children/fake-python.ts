import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Stands in for the Python process: speaks its protocol, or breaks it in the way that its first argument names. */
const fault = process.argv[2] ?? 'none';

function say(message: object): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** A clock of its own: an hour ahead. */
function now(): number {
  return performance.now() + 3_600_000;
}

const loaded = {
  type: 'loaded',
  architecture: 'Fake',
  precision: 'fp32',
  parameters: 1,
  context_length: null,
  vocabulary_size: 9,
  weight_bytes: 4,
  load_ms: 1,
  import_ms: 1,
  warnings: [],
};
const done = {
  type: 'done',
  prompt_tokens: 1,
  completion_tokens: null,
  image_tokens: 0,
  queue_ms: 0,
  tokenise_ms: 0,
  prepare_ms: 0,
  encode_ms: null,
};
const rest = { prefill_ms: 1, decode_ms: 1, warnings: [] };
const cancelled = new Set<number>();

if (fault === 'import') say({ type: 'error', id: null, code: 'LOAD_ERROR', message: 'ImportError: libtorch.so https://u:secret@host/x' });
else if (fault === 'dies') {
  writeSync(2, 'Traceback (most recent call last):\nModuleNotFoundError: No module named torch, see https://user:secret@host/x\n');
  process.exit(1);
} else if (fault !== 'silent')
  say({ type: 'ready', protocol: fault === 'version' ? 9 : 2, python: '3', torch: '2', transformers: '5', import_ms: 1 });

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { readonly type: string; readonly id: number };
  if (request.type === 'stop') break;
  if (request.type === 'load') load(request.id);
  else if (request.type === 'time') say({ type: 'time', id: request.id, now_ms: now() });
  else if (request.type === 'cancel') cancelled.add(request.id);
  else void generate(request.id);
}
if (fault === 'stays') await new Promise((resolve) => setTimeout(resolve, 600_000));
process.exit(0);

function load(id: number): void {
  if (fault === 'memory') say({ type: 'error', id, code: 'OUT_OF_MEMORY', message: 'CUDA out of memory' });
  else if (fault === 'mixed up') say({ ...done, ...rest, id, finish_reason: 'stop' });
  else if (fault !== 'loads for ever') say({ ...loaded, id });
}

async function generate(id: number): Promise<void> {
  switch (fault) {
    case 'garbage':
      writeSync(1, 'loading weights: 100%\n');
      return;
    case 'long line':
      process.stdout.write('x'.repeat(4 << 20));
      return;
    case 'crash':
      say({ type: 'token', id, token: 1, text: 'a', at_ms: now() });
      writeSync(2, 'RuntimeError: something gave way\n');
      process.kill(process.pid, 'SIGSEGV');
      return;
    case 'hang':
      say({ type: 'token', id, token: 1, text: 'a', at_ms: now() });
      return;
    case 'stays':
    case 'leaves': {
      // As the workers of a data loader are.
      const { pid = 0 } = spawn(process.execPath, ['-e', 'setTimeout(() => 0, 600000)'], { stdio: 'ignore', env: { NODE_OPTIONS: '' } });
      say({ type: 'token', id, token: pid, text: '', at_ms: now() });
      return;
    }
    default:
      for (let token = 0; token < 5000 && !cancelled.has(id); token++) {
        say({ type: 'token', id, token, text: ' a', at_ms: now() });
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (token === 9 && fault === 'ten') break;
      }
      say({ ...done, ...rest, id, finish_reason: cancelled.has(id) ? 'cancelled' : 'stop' });
  }
}
