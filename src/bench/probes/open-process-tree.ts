import { ProcTree } from './proc-tree.js';
import { type ProcessTree, sumMemory } from './process-tree.js';
import { PsTree } from './ps-tree.js';

/** The process tree as this system tells it: /proc on Linux, `ps` on macOS and other Unixes, nothing on Windows, and then it says so. */
export function openProcessTree(roots: () => readonly number[], platform: NodeJS.Platform = process.platform): ProcessTree {
  if (platform === 'win32') return NO_TREE;
  return platform === 'linux' || platform === 'android' ? new ProcTree(roots) : new PsTree(roots);
}

const WINDOWS = 'processes of Windows are not read';
const NO_TREE: ProcessTree = {
  leastInterval_ms: 1000,
  absent: { memory: WINDOWS, cpu: WINDOWS },
  read: () => Promise.resolve({ memory: sumMemory([]), cpu_ms: null, pids: new Set(), peakRss_bytes: new Map() }),
  close: () => Promise.resolve(),
};
