import type { CatalogueFile } from './model-entry.js';

/** What `models/shapes` holds. Training it again changes this file and nothing else here: `sha256sum` and `stat -c %s` tell the values. */
export const SHAPES_FILES: readonly CatalogueFile[] = [
  shipped('shapes/shapes-f16.gguf', 'model', 5_073_152, '414eef1d6d22c3c8382423eed8a54da839a2c604c53a94d859273d6c8d7daeb1'),
  shipped('shapes/mmproj-shapes-f16.gguf', 'mmproj', 2_293_952, '9a4622ef7e1a67c6af0ab79c74ec304a40517ae6415e0f3325213c926bb8dc76'),
];

function shipped(path: string, role: CatalogueFile['role'], bytes: number, sha256: string): CatalogueFile {
  return { path, as: path, role, bytes, sha256, listedSize: null };
}
