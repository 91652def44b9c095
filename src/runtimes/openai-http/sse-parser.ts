import { EdgeVlmError } from '../../core/errors.js';

/** The longest line and the longest event that is taken, characters: a token is a few, an answer with its logits some thousands. */
const LONGEST_EVENT = 1024 * 1024;

/**
 * Cuts a server-sent event stream into the data of its events; names, ids and comments are left out.
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseParser {
  readonly #decoder = new TextDecoder();
  /** Of the line that has not ended yet. */
  #line = '';
  /** Of the event that has not ended yet; null when it has no data so far. */
  #data: string | null = null;
  /** Whether the last character was a carriage return, whose line feed may still come. */
  #afterReturn = false;

  /** The data of every event that these bytes complete. @throws SERVER_REFUSED for an event that is too long */
  push(bytes: Uint8Array): string[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterReturn = text === '' ? false : text.endsWith('\r');
    const [first = '', ...rest] = text.split(/\r\n|\n|\r/);
    const events: string[] = [];
    this.#append(first);
    for (const next of rest) {
      const event = this.#endLine();
      if (event !== null) events.push(event);
      this.#append(next);
    }
    return events;
  }

  #append(text: string): void {
    if (this.#line.length + text.length + (this.#data?.length ?? 0) > LONGEST_EVENT) {
      throw new EdgeVlmError('SERVER_REFUSED', `the server sends an event of more than ${LONGEST_EVENT} characters`);
    }
    this.#line += text;
  }

  /** The event's data when the line ends it, else null. */
  #endLine(): string | null {
    const line = this.#line;
    this.#line = '';
    if (line === '') {
      const event = this.#data;
      this.#data = null;
      return event;
    }
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
    if (field === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    return null;
  }
}
