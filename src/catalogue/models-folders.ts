import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dataDirectories } from '../core/data-directories.js';

/** The models that come with the package; in a clone the same as `./models`. */
export const PACKAGE_MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/** Where names are looked up: the user's folders, the Hub's cache, then the package's models. */
export function searchFolders(): string[] {
  return [...new Set([...dataDirectories().models, PACKAGE_MODELS])];
}

/** Where `pull` may have put something: `./models` and `$EDGEVLM_HOME/models`. */
export function userFolders(): string[] {
  return [...new Set(dataDirectories().models.slice(0, 2))];
}

/** Where `pull` puts models: `./models` where there is one, as in a clone, else `$EDGEVLM_HOME/models`. */
export async function pullFolder(): Promise<string> {
  const { home } = dataDirectories();
  const [here = join(home, 'models')] = userFolders();
  const isFolder = await stat(here).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return isFolder ? here : join(home, 'models');
}
