import { EdgeVlmError } from '../../core/errors.js';
import type { ChatMessage, ContentPart, GenerateRequest } from '../../core/generator.js';
import type { ServedRequest } from '../served-request.js';
import type { PictureFetcher } from './picture-fetcher.js';

export interface FetchedPictures {
  readonly input: GenerateRequest['input'];
  /** Wall time of fetching, milliseconds; 0 when nothing had to be. */
  readonly fetch_ms: number;
}

/**
 * Puts pictures in the place of their links: one after the other, and each URL once.
 * @throws EdgeVlmError as `PictureFetcher.fetch`; URL_REFUSED without a fetcher
 */
export async function fetchPictures(
  input: ServedRequest['input'],
  fetcher: PictureFetcher | undefined,
  signal: AbortSignal,
): Promise<FetchedPictures> {
  if ('prompt' in input) return { input, fetch_ms: 0 };
  const start = performance.now();
  const budget = fetcher?.budget();
  const fetched = new Map<string, Uint8Array>();
  const messages: ChatMessage[] = [];
  for (const { role, content } of input.messages) {
    const parts: ContentPart[] = [];
    for (const part of content) {
      if (part.type !== 'picture-link') {
        parts.push(part);
        continue;
      }
      if (fetcher === undefined || budget === undefined) throw new EdgeVlmError('URL_REFUSED', 'this server fetches no pictures');
      const bytes = fetched.get(part.url) ?? (await fetcher.fetch(part.url, budget, signal));
      fetched.set(part.url, bytes);
      parts.push({ type: 'picture', bytes });
    }
    messages.push({ role, content: parts });
  }
  return { input: { messages }, fetch_ms: fetched.size === 0 ? 0 : performance.now() - start };
}
