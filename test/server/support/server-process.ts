import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The address that `edgevlm serve --json` says it listens at. @throws what it said when it ended instead */
export async function startedUrl({ stdout, stderr }: ChildProcess): Promise<string> {
  if (stdout === null || stderr === null) throw new Error('the server has no pipes');
  let said = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-5000)));
  for await (const line of createInterface({ input: stdout })) {
    const { url } = JSON.parse(line) as { url: string };
    return url;
  }
  throw new Error(`the server ended: ${said}`);
}

/** Sends SIGTERM and gives the exit code. */
export async function stopServer(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
  return child.exitCode;
}
