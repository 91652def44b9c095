import { EdgeVlmError } from '../core/errors.js';
import type { Grammar } from '../core/generator.js';
import { openFile, readExactly } from '../formats/open-file.js';
import type { GenerationOptions } from './options/generation-options.js';

/** Far more than a grammar may have. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads the grammar or schema that the options name, before a model is loaded for nothing.
 * @throws USAGE for both at once; FILE_NOT_FOUND, FILE_UNREADABLE; GRAMMAR_LIMIT; SCHEMA_INVALID for what is no JSON
 */
export async function readGrammar({ grammar, jsonSchema }: GenerationOptions): Promise<Grammar | undefined> {
  if (grammar !== undefined && jsonSchema !== undefined) {
    throw new EdgeVlmError('USAGE', '--grammar cannot be combined with --json-schema: an answer obeys one of them');
  }
  if (grammar !== undefined) return { gbnf: await readText(grammar) };
  if (jsonSchema === undefined) return undefined;
  const text = await readText(jsonSchema);
  try {
    return { jsonSchema: JSON.parse(text) as unknown };
  } catch (cause) {
    throw new EdgeVlmError('SCHEMA_INVALID', `${jsonSchema} is not JSON`, {
      cause,
      hint: 'Correct the file: a JSON Schema is JSON itself.',
    });
  }
}

async function readText(path: string): Promise<string> {
  const { handle, bytes } = await openFile(path);
  try {
    if (bytes > MAX_BYTES) throw new EdgeVlmError('GRAMMAR_LIMIT', `${path} has over ${MAX_BYTES} bytes`);
    return (await readExactly(handle, path, 0, bytes)).toString('utf8');
  } finally {
    await handle.close();
  }
}
