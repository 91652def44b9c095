import type { ChatMessage } from '../../core/generator.js';
import type { PreparedImage } from '../../core/image.js';
import type { AlbumTruth } from '../../data/albums/album-truth.js';
import { userMessage } from '../user-message.js';

/**
 * A conversation about the first pictures of an album.
 * @param images those that are shown @param told how many of them are described, truly
 */
export function albumMessages({ pictures }: AlbumTruth, images: readonly PreparedImage[], told: number): ChatMessage[] {
  return images.flatMap((image, at): ChatMessage[] => {
    const { prompt = '', caption = '' } = pictures[at] ?? {};
    const asked = userMessage([image], prompt);
    return at < told ? [asked, { role: 'assistant', content: [{ type: 'text', text: caption }] }] : [asked];
  });
}
