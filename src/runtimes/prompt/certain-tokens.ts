import type { TextStream } from './text-stream.js';

/** Something that belongs to one token of a `TextStream`. */
interface Waiting<T> {
  /** Where the token's text begins, as `TextStream.received` counts. */
  readonly start: number;
  readonly value: T;
}

/** Holds what belongs to tokens until their text is certain: those of a stop string are no part of the answer. */
export class CertainTokens<T> {
  #waiting: Waiting<T>[] = [];

  constructor(private readonly stream: Pick<TextStream, 'received' | 'certain' | 'stopped'>) {}

  /** To be called before the token's bytes go into the stream. */
  add(value: T): void {
    this.#waiting.push({ start: this.stream.received, value });
  }

  /** Of tokens with text that has become certain; a character whose bytes are spread over tokens frees all of them at once. */
  take(): T[] {
    return this.#split(({ start }) => start < this.stream.certain);
  }

  /** What was still held when the answer ended: all of it, or nothing where a stop string ended it. */
  end(): T[] {
    return this.#split(({ start }) => !this.stream.stopped || start < this.stream.certain);
  }

  #split(isFree: (waiting: Waiting<T>) => boolean): T[] {
    const free = this.#waiting.filter(isFree);
    this.#waiting = this.#waiting.filter((waiting) => !isFree(waiting));
    return free.map(({ value }) => value);
  }
}
