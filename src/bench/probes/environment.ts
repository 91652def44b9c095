import { execFile } from 'node:child_process';
import { cpus, release, totalmem, version } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Environment } from '../../core/run-record.js';
import { readSystemFile } from './system-file.js';

/** Instruction sets ggml has kernels for; the other hundred flags say nothing about speed. */
const KERNEL_FLAGS = new Set(
  (
    'sse4_2 avx avx2 avx_vnni avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 amx_int8 amx_bf16 amx_tile f16c fma bmi2 ' +
    'asimd asimddp asimdhp i8mm bf16 sve sve2 sme hypervisor'
  ).split(' '),
);

/** Describes this machine and this build. Fields that cannot be learnt are null. */
export async function describeEnvironment(root = ''): Promise<Environment> {
  const [cpuinfo, governor, osRelease, edgevlm, commit] = await Promise.all([
    readSystemFile(`${root}/proc/cpuinfo`),
    readSystemFile(`${root}/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor`),
    readSystemFile(`${root}/etc/os-release`),
    packageVersion(),
    gitCommit(),
  ]);
  const logical = cpus();
  const reported = logical[0]?.model.trim() ?? '';
  const board = await readSystemFile(`${root}/proc/device-tree/model`);
  // "unknown" is what libuv says on most ARM boards; their device tree knows better. Its strings end in NUL.
  const model = reported === '' || reported === 'unknown' ? (board?.replaceAll('\0', '') ?? null) : reported;
  return {
    cpu: {
      model,
      architecture: process.arch,
      logicalCores: Math.max(1, logical.length),
      physicalCores: countPhysicalCores(cpuinfo),
      flags: (/^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo ?? '')?.[1] ?? '').split(' ').filter((flag) => KERNEL_FLAGS.has(flag)),
      governor,
    },
    memory_bytes: totalmem(),
    os: /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease ?? '')?.[1] ?? `${process.platform} ${version()}`,
    kernel: release(),
    node: process.version,
    edgevlm,
    commit,
  };
}

/** Distinct (package, core) pairs in /proc/cpuinfo; ARM kernels do not list them. */
function countPhysicalCores(cpuinfo: string | null): number | null {
  const packages = [...(cpuinfo ?? '').matchAll(/^physical id\s*:\s*(\d+)$/gm)].map(([, id]) => id);
  const cores = [...(cpuinfo ?? '').matchAll(/^core id\s*:\s*(\d+)$/gm)].map(([, id]) => id);
  if (cores.length === 0 || cores.length !== packages.length) return null;
  return new Set(cores.map((core, i) => `${packages[i] ?? ''}:${core ?? ''}`)).size;
}

/** The package's own root holds package.json, both from `src` and from `dist`. */
const PACKAGE_ROOT = new URL('../../../', import.meta.url);

async function packageVersion(): Promise<string | null> {
  const text = await readSystemFile(fileURLToPath(new URL('package.json', PACKAGE_ROOT)));
  return text === null ? null : (/"version":\s*"([^"]+)"/.exec(text)?.[1] ?? null);
}

/** The commit of a source checkout, with `-dirty` when tracked files differ from it; null for an installed package or without git. */
async function gitCommit(): Promise<string | null> {
  const cwd = fileURLToPath(PACKAGE_ROOT);
  const git = async (...args: string[]): Promise<string> => (await promisify(execFile)('git', args, { cwd })).stdout.trim();
  try {
    // An installed copy inside somebody else's repository must not report that repository's commit.
    if ((await git('rev-parse', '--show-prefix')) !== '') return null;
    const commit = await git('rev-parse', 'HEAD');
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? commit : `${commit}-dirty`;
  } catch {
    return null;
  }
}
