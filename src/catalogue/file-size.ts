import { stat } from 'node:fs/promises';

/** Bytes of a regular file, links followed; undefined where there is none. */
export function fileSize(path: string): Promise<number | undefined> {
  return stat(path).then(
    (entry) => (entry.isFile() ? entry.size : undefined),
    () => undefined,
  );
}
