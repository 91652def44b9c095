import type { CatalogueFile } from './model-entry.js';

/** What `models/shapes` holds. Training it again changes this file and nothing else here: `sha256sum` and `stat -c %s` tell the values. */
export const SHAPES_FILES: readonly CatalogueFile[] = [
  shipped('shapes/shapes-f16.gguf', 'model', 5_073_152, '007e0727d0a3c38c17c453c8dc6cacc660733d93b81733052baafdcb137e2868'),
  shipped('shapes/mmproj-shapes-f16.gguf', 'mmproj', 2_293_952, '952f52f67fce3dc1ae1728c2438e4538601415d3ec854952fe8635d4c1ffa0fc'),
];

function shipped(path: string, role: CatalogueFile['role'], bytes: number, sha256: string): CatalogueFile {
  return { path, as: path, role, bytes, sha256, listedSize: null };
}
