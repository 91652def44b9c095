import { open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dataDirectories } from '../core/data-directories.js';
import { EdgeVlmError } from '../core/errors.js';
import { CONFIG_MAX_BYTES } from './parse-config.js';

export interface ConfigPlace {
  /** A path; false for no file at all. Default: `EDGEVLM_CONFIG`, `./config.yaml`, `$EDGEVLM_HOME/config.yaml`, the first that there is. */
  readonly file?: string | false | undefined;
  /** Default: those of the process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface ConfigText {
  /** As it was named, or where it was found: `config.yaml` in the working directory, else an absolute path. */
  readonly file: string;
  readonly text: string;
}

const FILE_NAME = 'config.yaml';

/** The config file that is in force; undefined where there is none. @throws FILE_NOT_FOUND for one that was named; CONFIG_INVALID for what is no text */
export async function findConfig({ file, env = process.env, cwd = process.cwd() }: ConfigPlace): Promise<ConfigText | undefined> {
  if (file === false) return undefined;
  // As in `dataDirectories`, an empty variable means "not set".
  const named = file ?? (env['EDGEVLM_CONFIG'] === '' ? undefined : env['EDGEVLM_CONFIG']);
  if (named !== undefined) return { file: named, text: await readConfig(named, resolve(cwd, named)) };
  const atHome = join(dataDirectories({ env, cwd }).home, FILE_NAME);
  for (const name of [FILE_NAME, atHome]) {
    const path = resolve(cwd, name);
    if (await isThere(path)) return { file: name, text: await readConfig(name, path) };
  }
  return undefined;
}

/** Whatever the path names: a device or a pipe may have no end. */
async function readConfig(name: string, path: string): Promise<string> {
  const missing = (why: string, cause?: unknown): never => {
    throw new EdgeVlmError('FILE_NOT_FOUND', `the config ${name} ${why}`, { cause });
  };
  const about = await stat(path).catch((cause: unknown) => missing('cannot be read', cause));
  if (!about.isFile()) return missing('is no file');
  const bytes = new Uint8Array(CONFIG_MAX_BYTES + 1);
  let length = 0;
  try {
    await using file = await open(path);
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === bytes.length) break;
    }
  } catch (cause) {
    return missing('cannot be read', cause);
  }
  if (length > CONFIG_MAX_BYTES) throw new EdgeVlmError('CONFIG_INVALID', `${name}: the config is larger than ${CONFIG_MAX_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new EdgeVlmError('CONFIG_INVALID', `${name}: the config is not UTF-8 text`, { cause });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
