import sharp from 'sharp';

/**
 * sharp with every loader closed except the six we accept, and those only from memory. libvips keeps this list per process, so
 * loading this module closes SVG, PDF, ImageMagick and file-path input for any other user of sharp in the process too; encoding
 * and raw pixel input are not loaders and keep working.
 */
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadTiffBuffer',
    'VipsForeignLoadHeifBuffer',
  ],
});

// libvips would keep up to 50 MB of decoded pictures for repeated operations, which a stream of different pictures never has.
sharp.cache(false);

export { sharp };
