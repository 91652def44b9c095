import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('../children/fake-llama-server.ts', import.meta.url));

/** A program that is called as llama-server is; not for Windows. */
export async function fakeLlamaServer(folder: string): Promise<string> {
  const program = join(folder, 'llama-server');
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${MODULE}" "$@"\n`);
  await chmod(program, 0o755);
  return program;
}

/** The same, running: somebody else's server. */
export async function runFakeLlamaServer(apiKey: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [MODULE], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LLAMA_API_KEY: apiKey } });
  const exited = once(child, 'exit');
  for await (const url of createInterface({ input: child.stdout })) {
    for (;;) {
      if ((await fetch(`${url}/v1/health`)).ok) break;
    }
    return {
      url,
      stop: async () => {
        child.kill();
        await exited;
      },
    };
  }
  throw new Error('the fake server ended');
}
