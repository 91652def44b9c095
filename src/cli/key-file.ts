import { join } from 'node:path';
import { dataDirectories } from '../core/data-directories.js';
import { KeyFile } from '../server/keys/key-file.js';

/** The API keys of this machine's servers: `$EDGEVLM_HOME/keys.json`. */
export function keyFile(): KeyFile {
  return new KeyFile(join(dataDirectories().home, 'keys.json'));
}
