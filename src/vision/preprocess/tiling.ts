import type { PreparedImage } from '../../core/image.js';

/** A picture cut into tiles; see {@link PreparedImage} for their order. */
export type Tiling = Omit<PreparedImage, 'hash'>;
