import { EdgeVlmError } from '../../../core/errors.js';

/**
 * One prompt a line; white space around it does not count, and blank lines are left out.
 * @param source names the file in messages
 * @throws FILE_UNREADABLE for bytes that are not UTF-8 text, or a file without a prompt
 */
export function parsePrompts(bytes: Uint8Array, source: string): string[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not text in UTF-8`, { cause });
  }
  if (text.includes('\0')) throw new EdgeVlmError('FILE_UNREADABLE', `${source} is no text: it holds zero bytes`);
  const prompts = text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (prompts.length === 0) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} has no prompts`, { hint: 'Write one prompt a line; blank lines do not count.' });
  }
  return prompts;
}
