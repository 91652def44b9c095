import type { PicturePart } from '../../core/generator.js';
import type { PictureFetcher } from '../../serving/picture-fetch/picture-fetcher.js';
import type { PictureLink } from '../../serving/served-request.js';
import type { RequestLimits } from '../server-options.js';
import { decodeDataUrl } from './decode-data-url.js';

/**
 * The picture that an `image_url` holds or, where there is a fetcher, leads to.
 * @param param what the field is called in messages
 * @throws URL_REFUSED, REQUEST_INVALID, IMAGE_TOO_LARGE
 */
export function picturePart(
  url: string,
  param: string,
  { imageBytes }: Pick<RequestLimits, 'imageBytes'>,
  fetcher: PictureFetcher | undefined,
): PicturePart | PictureLink {
  if (fetcher === undefined || /^data:/i.test(url)) return { type: 'picture', bytes: decodeDataUrl(url, param, imageBytes) };
  return { type: 'picture-link', url: fetcher.check(url).href };
}
