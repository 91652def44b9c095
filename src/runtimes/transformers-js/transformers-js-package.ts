import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as library from '@huggingface/transformers';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';

export type TransformersJs = typeof library;

const NAME = '@huggingface/transformers';
export const INSTALL_TRANSFORMERS_JS = 'npm install @huggingface/transformers';
const Description = Type.Object({ name: Type.String(), version: Type.String() });

/** Where `runtimes install transformers-js` puts the package. */
export function packageFolder(): string {
  return join(dataDirectories().home, 'transformers-js');
}

/** Where the package is looked for: beside EdgeVLM, then where `runtimes install` puts it. */
function places(): string[] {
  return [import.meta.url, pathToFileURL(join(packageFolder(), 'package.json')).href];
}

/**
 * The package's file, without running it.
 * @throws LOAD_ERROR with the command that installs it
 */
export async function findTransformersJs(
  from: readonly string[] = places(),
): Promise<{ readonly entry: string; readonly version: string }> {
  for (const place of from) {
    let entry: string;
    try {
      entry = createRequire(place).resolve(NAME);
    } catch {
      continue;
    }
    return { entry, version: await versionOf(entry) };
  }
  throw new EdgeVlmError('LOAD_ERROR', `the package ${NAME} is not installed`, {
    hint: `Run \`${INSTALL_TRANSFORMERS_JS}\` beside EdgeVLM, or \`edgevlm runtimes install transformers-js\`.`,
  });
}

/** Runs the package: ONNX Runtime's library is loaded into this process. @throws LOAD_ERROR */
export async function loadTransformersJs(): Promise<TransformersJs> {
  const { entry } = await findTransformersJs();
  try {
    return createRequire(import.meta.url)(entry) as TransformersJs;
  } catch (cause) {
    throw new EdgeVlmError('LOAD_ERROR', `${NAME} is installed and does not start: ${EdgeVlmError.from(cause).message}`, { cause });
  }
}

/** From the nearest package.json of that name above its entry. */
async function versionOf(entry: string): Promise<string> {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const value: unknown = JSON.parse(text);
    if (Value.Check(Description, value) && value.name === NAME) return value.version;
  }
  return 'unknown';
}
