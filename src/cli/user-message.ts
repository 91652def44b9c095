import type { ChatMessage } from '../core/generator.js';
import type { PreparedImage } from '../core/image.js';

/** What a user says about pictures: the pictures first, as vision-language models were trained. */
export function userMessage(images: readonly PreparedImage[], text: string): ChatMessage {
  return { role: 'user', content: [...images.map((image) => ({ type: 'image' as const, image })), { type: 'text', text }] };
}
