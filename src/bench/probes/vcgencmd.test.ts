import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseThrottled, VcgencmdProbe } from './vcgencmd.js';

/** A `vcgencmd` that counts its calls in a file beside it. */
async function fakeVcgencmd(script: string): Promise<{ readonly program: string; readonly calls: () => Promise<string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'edgevlm-vcgencmd-'));
  const program = join(folder, 'vcgencmd');
  await writeFile(program, `#!/bin/sh\necho "$@" >> "${folder}/calls"\n${script}\n`);
  await chmod(program, 0o755);
  return { program, calls: () => readFile(join(folder, 'calls'), 'utf8') };
}

describe.runIf(process.platform === 'linux')('a Raspberry Pi', () => {
  it('tells what slows it down now and what did since it was started', async () => {
    const { program, calls } = await fakeVcgencmd('echo throttled=0x50005');
    expect(await new VcgencmdProbe(program).read()).toEqual({
      ...{ under_voltage: true, frequency_capped: false, throttled: true, soft_temperature_limit: false },
      ...{ under_voltage_since_boot: true, frequency_capped_since_boot: false, throttled_since_boot: true },
      soft_temperature_limit_since_boot: false,
    });
    expect(await calls()).toBe('get_throttled\n');
  });

  it('that may not be asked tells nothing', async () => {
    const { program } = await fakeVcgencmd('echo "VCHI initialization failed" >&2; exit 1');
    expect(await new VcgencmdProbe(program).read()).toBeNull();
  });
});

it('is null on other machines', async () => {
  const probe = new VcgencmdProbe(join(tmpdir(), 'no-such-program'));
  expect([await probe.read(), await probe.read()]).toEqual([null, null]);
});

it('is read from nothing but what the firmware says', () => {
  expect(parseThrottled('throttled=0x0\n')?.throttled).toBe(false);
  expect(parseThrottled('throttled=0x80008')).toMatchObject({ soft_temperature_limit: true, soft_temperature_limit_since_boot: true });
  for (const other of ['', 'throttled=', 'error=1 error_msg="Command not registered"', 'throttled=0xzz', 'throttled=0x123456789'])
    expect(parseThrottled(other)).toBeNull();
});
