import { dataDirectories } from '../core/data-directories.js';
import { EdgeVlmError } from '../core/errors.js';
import { RunIndex } from '../tracking/files/run-index.js';

/** The id of the stored run that is meant by `latest`, by an id or by the start of just one. @throws EdgeVlmError FILE_NOT_FOUND, USAGE */
export async function findRunId(named: string): Promise<string> {
  const { rows } = await new RunIndex(dataDirectories().runs).list();
  const matches = rows.filter(({ id }) => id.startsWith(named));
  const found = named === 'latest' ? rows.at(-1) : (matches.find(({ id }) => id === named) ?? matches[0]);
  if (found === undefined || named === '')
    throw new EdgeVlmError('FILE_NOT_FOUND', `there is no run ${named}`, { hint: 'Run `edgevlm runs list` to see the ids.' });
  if (found.id !== named && matches.length > 1) throw new EdgeVlmError('USAGE', `the ids of ${matches.length} runs start with ${named}`);
  return found.id;
}
