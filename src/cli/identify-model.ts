import path from 'node:path';

import type { ModelIdentity } from '../core/run-record.js';
import { sha256File } from '../core/sha256-file.js';
import { describePrecision } from '../formats/gguf/describe-precision.js';
import type { GgufFile } from '../formats/gguf/read-gguf.js';

/** What a run record says of a model file: never its path. @throws FILE_UNREADABLE, CANCELLED */
export async function identifyModel(file: GgufFile, signal: AbortSignal): Promise<ModelIdentity> {
  return {
    name: path.basename(file.path),
    sha256: await sha256File(file.path, signal),
    bytes: file.fileBytes,
    precision: describePrecision(file),
  };
}
