import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NvidiaSmiProbe } from './nvidia-smi.js';
import { parseGpuProcesses, parseGpus } from './parse-nvidia-smi.js';

const MIB = 1024 * 1024;

describe('what nvidia-smi prints', () => {
  it('is read with its units', () => {
    // Of a machine with a driver of release 550.
    expect(parseGpus('NVIDIA H200, 1234 MiB, 143771 MiB, 37 %, 41, 123.45 W\n')).toEqual([
      {
        name: 'NVIDIA H200',
        used_bytes: 1234 * MIB,
        total_bytes: 143_771 * MIB,
        utilisation: 0.37,
        temperature_celsius: 41,
        power_watts: 123.45,
      },
    ]);
    expect([...parseGpuProcesses('4711, 512 MiB\n4711, 8 MiB\n12, [N/A]\n')]).toEqual([
      [4711, 520 * MIB],
      [12, null],
    ]);
  });

  it('may lack anything: that is null', () => {
    expect(parseGpus('A, B, [N/A], [Unknown Error], ERR!, -3, 5 kW')).toEqual([
      { name: 'A, B', used_bytes: null, total_bytes: null, utilisation: null, temperature_celsius: null, power_watts: null },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['another program', 'usage: nvidia-smi [options]\n'],
    ['too few columns', 'NVIDIA H200, 1234 MiB\n'],
    ['more cards than there can be', 'A, 1 MiB, 1 MiB, 1 %, 1, 1 W\n'.repeat(65)],
    ['a page of the web', '<html><body>no</body></html>\n'],
  ])('is refused where it is %s', (_, text) => {
    expect(parseGpus(text)).toBeNull();
    expect(parseGpuProcesses(text).size).toBe(0);
  });

  it('cannot bring absurd numbers or a name that takes over the page', () => {
    const [gpu] = parseGpus(`\u001b[31m${'x'.repeat(500)}\u202e, ${'9'.repeat(30)} MiB, 1e9 MiB, 3000 %, 0x10, NaN W`) ?? [];
    expect(gpu).toEqual({
      ...{ used_bytes: null, total_bytes: null, utilisation: null, temperature_celsius: null, power_watts: null },
      name: `[31m${'x'.repeat(76)}`,
    });
  });
});

describe.skipIf(process.platform === 'win32')('the probe', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'edgevlm-smi-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function program(script: string): NvidiaSmiProbe {
    const file = join(folder, 'nvidia-smi');
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return new NvidiaSmiProbe(file);
  }

  it('asks for cards and for processes', async () => {
    const probe = program(`case "$1 $2" in
      '--query-gpu=name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw --format=csv,noheader')
        echo 'A, 1 MiB, 2 MiB, 3 %, 4, 5 W'; echo 'B, 1 MiB, 2 MiB, 3 %, 4, 5 W';;
      '--query-compute-apps=pid,used_memory --format=csv,noheader') echo '7, 1 MiB';;
      *) exit 1;; esac`);
    const reading = await probe.read();
    expect(reading?.gpus.map(({ name }) => name)).toEqual(['A', 'B']);
    expect([...(reading?.processes ?? [])]).toEqual([[7, MIB]]);
    expect(probe.why).toBeUndefined();
  });

  it.each([
    [
      'fails',
      'echo "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."; exit 9',
      /^nvidia-smi failed: NVIDIA-SMI has/,
    ],
    ['fails without a word', 'exit 3', /^nvidia-smi failed$/],
    ['prints something else', 'echo hello', /something else/],
    ['prints without end', 'while :; do echo "A, 1 MiB, 2 MiB, 3 %, 4, 5 W"; done', /something else/],
    ['prints bytes that are no text', 'head -c 5000 /dev/urandom', /something else/],
  ])('is asked no more when it %s', async (_, script, why) => {
    const probe = program(script);
    expect(await probe.read()).toBeNull();
    expect(probe.why).toMatch(why);
    program('echo "A, 1 MiB, 2 MiB, 3 %, 4, 5 W"');
    expect(await probe.read()).toBeNull();
  });

  it('is ended with the sampling, which is no failure', async () => {
    const probe = program('exec sleep 100');
    expect(await probe.read(AbortSignal.timeout(50))).toBeNull();
    expect(probe.why).toBeUndefined();
  });

  it('is not there on most machines', async () => {
    const probe = new NvidiaSmiProbe(join(folder, 'absent'));
    expect(await probe.read()).toBeNull();
    expect(probe.why).toBe('nvidia-smi is not installed');
  });
});
