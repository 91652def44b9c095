/**
 * Turns token bytes into text: characters are held until their last byte has come, and text that may be the start
 * of a stop string until it is clear whether it is.
 */
export class TextStream {
  readonly #decoder = new TextDecoder();
  readonly #stop: readonly string[];
  #held = '';
  #received = 0;
  #atStart: boolean;
  #stopped = false;

  /** @param trimStart drop white space before the first word, which chat models write after the prompt's colon */
  constructor(stop: readonly string[] = [], trimStart = false) {
    this.#stop = stop.filter((text) => text.length > 0);
    this.#atStart = trimStart;
  }

  /** Whether a stop string was met; nothing comes out after it. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** How much text came in so far, white space at the start among it; in UTF-16 units, like the next. */
  get received(): number {
    return this.#received;
  }

  /** How much of it is certain: what came after a stop string began is not. */
  get certain(): number {
    return this.#received - this.#held.length;
  }

  /** Text that is now certain. */
  push(bytes: Uint8Array): string {
    return this.#release(this.#decoder.decode(bytes, { stream: true }), false);
  }

  /** What was still held. The bytes of a character that never became whole are dropped: they are no text. */
  end(): string {
    return this.#release('', true);
  }

  #release(text: string, all: boolean): string {
    if (this.#stopped) return '';
    this.#received += text.length;
    this.#held += this.#atStart ? text.trimStart() : text;
    this.#atStart &&= this.#held === '';
    const at = Math.min(...this.#stop.map((stop) => this.#held.indexOf(stop)).filter((index) => index >= 0));
    if (at !== Infinity) {
      this.#stopped = true;
      const before = this.#held.slice(0, at);
      this.#held = this.#held.slice(at);
      return before;
    }
    const keep = all ? 0 : this.#possibleStart();
    const certain = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return certain;
  }

  /** Characters at the end that a stop string could begin with. */
  #possibleStart(): number {
    let longest = 0;
    for (const stop of this.#stop) {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > longest; length--) {
        if (this.#held.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
