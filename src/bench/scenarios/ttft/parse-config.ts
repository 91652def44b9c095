import { EdgeVlmError } from '../../../core/errors.js';

/** The settings of a comparison by the names that configuration files and the environment use. */
export const CONFIG_NAMES = [
  'BASELINE_MODEL_NAME',
  'LLAMACPP_API_BASE_URL',
  'LLAMACPP_MODEL_ALIAS',
  'SHORT_PROMPTS_FILE',
  'LONG_PROMPTS_FILE',
  'MAX_NEW_TOKENS_FOR_TTFT',
] as const;
export type ConfigName = (typeof CONFIG_NAMES)[number];

/** A setting as it was written, and where, for messages: `ttft.env:3: MAX_NEW_TOKENS_FOR_TTFT`. Null is Python's `None`. */
export interface ConfigValue {
  readonly value: string | null;
  readonly source: string;
}
export type TtftConfig = Partial<Record<ConfigName, ConfigValue>>;

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_]\w*)\s*(?::\s*[\w[\] |.]+?)?\s*=\s*(.*)$/;
/** A quoted string with nothing but a comment behind it. */
const QUOTED = /^(["'])((?:\\.|(?!\1)[^\\])*)\1\s*(?:#.*)?$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', "'": "'" };
/** What Python code may be between the assignments that are read: text for readers. */
const DOCSTRING = '"""';

/**
 * Reads lines of `KEY=VALUE`, and assignments of literals as in a Python file (`KEY = "value"  # comment`, `KEY = None`). Nothing is
 * executed: a line that is neither that, nor empty, nor a comment, nor part of a `"""docstring"""` is refused. Escapes in quoted strings
 * are `\n \r \t \\ \" \'`; before any other character a backslash is itself, as in Python.
 * @param source names the file in messages
 * @throws USAGE with the line number: an unknown key, a key set twice, a line that is no assignment
 */
export function parseConfig(text: string, source: string): TtftConfig {
  const config: Partial<Record<ConfigName, ConfigValue>> = {};
  let inDocstring = false;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = raw.trim();
    const where = `${source}:${index + 1}`;
    const quotes = line.split(DOCSTRING).length - 1;
    if (inDocstring || line.startsWith(DOCSTRING)) {
      if (quotes % 2 === 1) inDocstring = !inDocstring;
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    const [, key, written] = ASSIGNMENT.exec(line) ?? [];
    if (key === undefined || written === undefined) {
      throw refuse(where, `expected KEY=VALUE or KEY = "value", found ${JSON.stringify(line.slice(0, 60))}`);
    }
    const name = CONFIG_NAMES.find((known) => known === key);
    if (name === undefined) throw refuse(where, `there is no setting called ${key}; there are ${CONFIG_NAMES.join(', ')}`);
    const earlier = config[name];
    if (earlier !== undefined) throw refuse(where, `${key} is set twice, first in ${earlier.source}`);
    config[name] = { value: parseValue(written, where), source: `${where}: ${key}` };
  }
  return config;
}

/** The settings that the environment has; an empty variable counts as absent. `None` is as in a file. */
export function configFromEnvironment(environment: Readonly<Record<string, string | undefined>>): TtftConfig {
  return Object.fromEntries(
    CONFIG_NAMES.flatMap((name) => {
      const value = environment[name]?.trim() ?? '';
      return value === '' ? [] : [[name, { value: value === 'None' ? null : value, source: `the environment: ${name}` }]];
    }),
  );
}

function parseValue(written: string, where: string): string | null {
  const [, , inside] = QUOTED.exec(written) ?? [];
  if (inside !== undefined) return inside.replace(/\\(.)/gs, (whole, character: string) => ESCAPES[character] ?? whole);
  if (/^[rfbu]{0,2}["']/i.test(written)) throw refuse(where, 'expected one plain quoted string');
  const bare = written.replace(/\s+#.*$/, '').trim();
  if (bare.startsWith('#') || bare === 'None') return null;
  return bare === '' ? null : bare;
}

function refuse(where: string, what: string): EdgeVlmError {
  return new EdgeVlmError('USAGE', `${where}: ${what}`, {
    hint: 'A configuration is data: one KEY=VALUE or KEY = "value" a line; docs/TTFT.md names the keys.',
  });
}
