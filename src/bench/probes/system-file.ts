import { readdir, readFile } from 'node:fs/promises';

/** Text of a file of /proc or /sys, trimmed; null when this machine does not have it or does not let us read it. */
export async function readSystemFile(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return null;
  }
}

/** A whole number from such a file; null when absent or not a number. */
export async function readSystemInteger(path: string): Promise<number | null> {
  const text = await readSystemFile(path);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

/** Full paths of a folder's entries whose names match; empty when there is no such folder. */
export async function listSystemFolder(path: string, name: RegExp): Promise<string[]> {
  try {
    return (await readdir(path)).filter((entry) => name.test(entry)).map((entry) => `${path}/${entry}`);
  } catch {
    return [];
  }
}
