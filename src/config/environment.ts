import { EdgeVlmError } from '../core/errors.js';
import { parseYaml } from '../core/parse-yaml.js';
import { checkValue, normalizeValue } from './check-value.js';
import { CONFIG_KEY_NAMES, type ConfigKey, schemaOf } from './config-keys.js';

const LONGEST_VALUE = 4096;

/** The variable that stands for a key: `EDGEVLM_INFERENCE_NUM_THREADS` for `inference.num_threads`. */
export function environmentName(key: ConfigKey): string {
  return `EDGEVLM_${key.replaceAll('.', '_').toUpperCase()}`;
}

/** What the environment gives; lists are written `8,12` or `[8, 12]`. An empty variable gives nothing. @throws CONFIG_INVALID */
export function readEnvironment(env: NodeJS.ProcessEnv): Map<ConfigKey, unknown> {
  const values = new Map<ConfigKey, unknown>();
  for (const key of CONFIG_KEY_NAMES) {
    const name = environmentName(key);
    const text = env[name];
    if (text === undefined || text === '') continue;
    const fail = (problem: string, cause?: unknown): never => {
      throw new EdgeVlmError('CONFIG_INVALID', `the environment variable ${name} ${problem}`, {
        cause,
        hint: `Correct or unset ${name}; docs/CONFIGURATION.md lists the keys.`,
      });
    };
    if (text.length > LONGEST_VALUE) fail(`is longer than ${LONGEST_VALUE} characters`);
    const value = normalizeValue(key, valueOf(key, text, fail));
    const [first] = checkValue(key, value);
    if (first !== undefined) fail([...first.path, first.problem].join(' '));
    values.set(key, value);
  }
  return values;
}

function valueOf(key: ConfigKey, text: string, fail: (problem: string, cause?: unknown) => never): unknown {
  const { type } = schemaOf(key);
  // A name may look like a number.
  if (type === 'string') return text;
  const list = type === 'array' && !text.trimStart().startsWith('[') ? `[${text}]` : text;
  return parseYaml(list, 'the value', (_, problem, cause) => fail(`cannot be read: ${problem}`, cause)).value;
}
