import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SETUP = fileURLToPath(new URL('../../setup.sh', import.meta.url));
const UNIT = fileURLToPath(new URL('../../deploy/edgevlm.service', import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `df -Pk` prints of a disk with so much room: the plan must not depend on the machine's own. */
const disk = (mb: number): string => `echo "Filesystem 1024-blocks Used Available Capacity Mounted"; echo "/dev/x 9 9 ${mb * 1024} 9% /"`;

/** @param fakes scripts that stand before the system's programs */
function setup(args: readonly string[], fakes: Readonly<Record<string, string>> = {}): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'edgevlm-setup-'));
  for (const [name, script] of Object.entries({ df: disk(50_000), ...fakes })) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, NODE_OPTIONS: '' };
  return spawnSync('sh', [SETUP, ...args], { encoding: 'utf8', env, cwd: folder });
}

const HAS_GLIBC = spawnSync('getconf', ['GNU_LIBC_VERSION'], { encoding: 'utf8' }).status === 0;

describe.runIf(process.platform === 'linux' && HAS_GLIBC)('setup.sh', () => {
  it('says with --dry-run what it would do, and does nothing', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const before = readdirSync(root);
    const { status, stdout, stderr } = setup(['--dry-run']);
    expect([status, stderr.replace(/^warning:.*\n/gm, '')]).toEqual([0, '']);
    expect(stdout).toMatch(/^machine: .*glibc 2\.\d+, \d+ MB of memory/m);
    expect(stdout).toContain('+ npm ci && npm run build');
    expect(readdirSync(root)).toEqual(before);
  });

  it('refuses a system whose glibc is too old, and one that has none', () => {
    const old = setup(['--dry-run'], { getconf: 'echo glibc 2.31' });
    expect([old.status, old.stderr]).toEqual([1, expect.stringContaining('glibc 2.31 is too old') as unknown]);
    const none = setup(['--dry-run'], { getconf: 'exit 1' });
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('no glibc') as unknown]);
  });

  it('refuses processors that there are no kernels for', () => {
    const { status, stderr } = setup(['--dry-run'], { dpkg: 'echo riscv64' });
    expect([status, stderr]).toEqual([1, expect.stringContaining('riscv64 are not supported') as unknown]);
  });

  it('refuses a disk that what it installs does not fit on', () => {
    const { status, stderr } = setup(['--dry-run'], { df: disk(100) });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/100 MB are free for .*, \d+ are needed/) as unknown]);
  });

  it('tells who is not root that Node.js is too old', () => {
    const { status, stdout, stderr } = setup(['--dry-run'], { node: 'echo 18.20.4', id: 'echo 1000' });
    expect(stdout).toContain('Node.js 18.20.4');
    expect([status, stderr]).toEqual([1, expect.stringContaining('only root can install it') as unknown]);
  });

  it('plans the official Node.js for root where that of apt is too old, too', () => {
    const fakes = { node: 'echo 18.20.4', id: 'echo 0', 'apt-cache': 'echo "  Candidate: 18.20.4+dfsg-1"', dpkg: 'echo arm64' };
    const { status, stdout } = setup(['--dry-run'], fakes);
    expect(status).toBe(0);
    expect(stdout).toContain('for linux-arm64 from https://nodejs.org/dist, check its SHA-256');
    expect(stdout).toContain('+ write /usr/local/bin/edgevlm');
  });

  it('knows its options', () => {
    expect(setup(['--help']).stdout).toContain('--uninstall');
    expect(setup(['--bogus'])).toMatchObject({ status: 1, stderr: expect.stringContaining('unknown option: --bogus') as unknown });
    expect(setup(['--uninstall', '--dry-run'], { id: 'echo 0' }).stdout).toContain('+ rm -rf /opt/edgevlm');
  });
});

it('the service serves with the command that setup.sh writes, from the folders that it makes', () => {
  const unit = readFileSync(UNIT, 'utf8');
  const script = readFileSync(fileURLToPath(new URL('../../deploy/setup.sh', import.meta.url)), 'utf8');
  const constant = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(script)?.[1] ?? '';
  expect(unit).toContain(`ExecStart=${constant('COMMAND')} serve `);
  expect(unit).toContain(`User=${constant('SERVICE_USER')}\n`);
  expect(unit).toContain(`EnvironmentFile=-${constant('CONFIG')}/edgevlm.env`);
  expect(`/var/lib/${/^StateDirectory=(.*)$/m.exec(unit)?.[1] ?? ''}`).toBe(constant('STATE'));
});
