import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';

const BYTES = 32;

/**
 * The key of this machine's fingerprints of answers, `$EDGEVLM_HOME/answer-key`: made once, never sent.
 * @throws FILE_UNWRITABLE, FILE_UNREADABLE
 */
export async function answerKey(): Promise<Uint8Array> {
  const { home } = dataDirectories();
  const file = path.join(home, 'answer-key');
  try {
    await mkdir(home, { recursive: true });
    const made = randomBytes(BYTES);
    await writeFile(file, made, { flag: 'wx', mode: 0o600 });
    return made;
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST'))
      throw new EdgeVlmError('FILE_UNWRITABLE', `${file} cannot be written`, { cause: thrown });
  }
  const key = await readFile(file).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  if (key.length === BYTES) return key;
  throw new EdgeVlmError('FILE_UNREADABLE', `${file} is damaged`, {
    hint: 'Delete it: another one is made, and only new runs can be compared with it.',
  });
}
