/** Endings of the formats that can be read. They choose files of a folder; a file that is named is tried whatever it is called. */
const PICTURE = /\.(?:jpe?g|png|webp|gif|tiff?|avif)$/i;

/** Whether a file is a picture by its name. */
export function isPictureName(name: string): boolean {
  return PICTURE.test(name);
}
