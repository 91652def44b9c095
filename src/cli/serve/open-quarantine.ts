import { join } from 'node:path';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { Quarantine } from '../../serving/quarantine.js';
import { QuarantineFile } from '../../serving/quarantine-file.js';

/**
 * Pictures that ended the engine before this server was started, by hash. A file that is damaged is told of and passed over.
 * @throws FILE_UNWRITABLE where it is to be forgotten and cannot be
 */
export async function openQuarantine({ forgetQuarantine }: { readonly forgetQuarantine?: true }, logger: Logger): Promise<Quarantine> {
  const file = new QuarantineFile(join(dataDirectories().home, 'quarantine.json'), (error) => {
    logger.error('the quarantine could not be written, so it ends with this server', { error });
  });
  if (forgetQuarantine === true) await file.forget();
  const known = await file.read().catch((thrown: unknown) => {
    logger.error('the quarantine could not be read', { error: EdgeVlmError.from(thrown) });
    return [];
  });
  if (known.length > 0) logger.info('pictures that ended the engine before are refused', { pictures: known.length });
  return new Quarantine(known, file);
}
