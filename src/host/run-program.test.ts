import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { runProgram } from './run-program.js';

const NODE = process.execPath;

describe('a program that is run to its end', () => {
  it('gives what it printed', async () => {
    const script = 'console.log("out"); console.error("err")';
    expect(await runProgram(NODE, ['-e', script], { env: {} })).toEqual({ stdout: 'out\n', stderr: 'err\n' });
  });

  it('is ended by the signal, also where that came first', async () => {
    const stop = new AbortController();
    const running = runProgram(NODE, ['-e', 'console.log(); setInterval(() => {}, 1000)'], { env: {}, signal: stop.signal });
    setTimeout(() => {
      stop.abort();
    }, 50);
    await expect(running).rejects.toMatchObject({ signal: 'SIGTERM' });
    await expect(runProgram(NODE, ['-e', ''], { signal: stop.signal })).rejects.toThrow('aborted');
  });

  // With Node's own `signal` option the group that asked, a user's whole pipeline, was sent SIGTERM.
  it.skipIf(process.platform === 'win32')('that does not exist leaves this process alone when it is stopped at once', async () => {
    const script = `import { runProgram } from ${JSON.stringify(new URL('./run-program.ts', import.meta.url).href)};
      const stop = new AbortController();
      const running = runProgram('/does/not/exist', [], { signal: stop.signal });
      stop.abort();
      running.catch(({ code }) => console.log(code));`;
    const child = spawn(NODE, ['--input-type=module', '-e', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
    const closed: unknown[] = await once(child, 'close');
    expect([...closed, printed]).toEqual([0, null, 'ENOENT\n']);
  });
});
