import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { startCli } from '../../cli/run-cli.js';
import { startedUrl, stopServer } from './server-process.js';

const MODEL = fileURLToPath(new URL('../../../models/shapes/shapes-f16.gguf', import.meta.url));

/** `edgevlm serve` on the model in the box, as a process of its own. */
export interface ShapesServer {
  readonly url: string;
  readonly pid: number;
  /** The process that holds the model. Linux only. */
  enginePid(): Promise<number>;
  /** Sends SIGTERM and gives the exit code. */
  stop(): Promise<number | null>;
}

/** @param cwd where the server works and leaves its files @param env added to the environment */
export async function startShapesServer(
  cwd: string,
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ShapesServer> {
  const args = ['serve', '--model', MODEL, '--port', '0', '--threads', '1', '--parallel', '4', '--default-tokens', '48', '--json', ...more];
  const child = startCli(args, { cwd, env });
  const url = await startedUrl(child);
  const { pid } = child;
  if (pid === undefined) throw new Error('the server is no process');
  return { url, pid, enginePid: () => childOf(pid, 'engine-worker'), stop: () => stopServer(child) };
}

async function childOf(parent: number, name: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [status, command] = await Promise.all(
      ['status', 'cmdline'].map((file) => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '')),
    );
    if (status?.includes(`\nPPid:\t${parent}\n`) === true && command?.includes(name) === true) return Number(entry);
  }
  throw new Error(`process ${parent} has no child ${name}`);
}

/** A drawing that is different for every number. */
export function picture(index: number): Promise<Buffer> {
  const colours = ['red', 'green', 'blue', 'yellow', 'black', 'orange'];
  const shade = 255 - (index % 50);
  const size = 20 + (index % 5) * 6;
  const block = { create: { width: size, height: size, channels: 3 as const, background: colours[index % colours.length] ?? 'red' } };
  return sharp({ create: { width: 128, height: 128, channels: 3, background: { r: shade, g: shade, b: (index >> 4) % 256 } } })
    .composite([{ input: block, left: 10 + ((index * 17) % 60), top: 10 + ((index * 29) % 60) }])
    .png()
    .toBuffer();
}
