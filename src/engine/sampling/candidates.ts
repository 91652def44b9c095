import { NativeMemory, readPointer, viewMemory, writePointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';

/** `struct llama_token_data`: int32 id, float logit, float p. */
const TOKEN_DATA_BYTES = 12;
const TOKEN_DATA_WORDS = TOKEN_DATA_BYTES / 4;
/** `struct llama_token_data_array`: data, size, selected, sorted. */
const ARRAY_BYTES = 32;
const SIZE_OFFSET = 8;
const SELECTED_OFFSET = 16;
const SORTED_OFFSET = 24;

/** Tokens with their logits as libllama's samplers take them, a `llama_token_data_array`. */
export class Candidates implements Disposable {
  readonly #data: NativeMemory;
  readonly #array = new NativeMemory(ARRAY_BYTES);
  readonly #ids: Int32Array;
  readonly #values: Float32Array;
  readonly #view: DataView;

  constructor(capacity: number) {
    this.#data = new NativeMemory(TOKEN_DATA_BYTES * capacity);
    this.#ids = new Int32Array(this.#data.buffer);
    this.#values = new Float32Array(this.#data.buffer);
    this.#view = new DataView(this.#array.buffer);
  }

  get pointer(): Pointer {
    return this.#array.pointer;
  }

  /** Takes the logits of the tokens from `first` on. */
  fill(logits: Float32Array, first = 0): void {
    for (let i = 0, word = 0; i < logits.length; i++, word += TOKEN_DATA_WORDS) {
      this.#ids[word] = first + i;
      this.#values[word + 1] = logits[i] ?? -Infinity;
      this.#values[word + 2] = 0;
    }
    writePointer(this.pointer, 0, this.#data.pointer);
    this.#view.setBigUint64(SIZE_OFFSET, BigInt(logits.length), true);
    this.#view.setBigInt64(SELECTED_OFFSET, -1n, true);
    this.#view.setUint8(SORTED_OFFSET, 0);
  }

  /** The logit at an index, after a sampler that moves nothing. */
  logit(index: number): number {
    return this.#values[index * TOKEN_DATA_WORDS + 1] ?? -Infinity;
  }

  /** The token that a sampler chose; undefined when it chose none. */
  selected(): number | undefined {
    // Samplers may move the candidates and say where by changing the pointer.
    const data = readPointer(this.pointer, 0);
    const selected = this.#view.getBigInt64(SELECTED_OFFSET, true);
    const size = this.#view.getBigUint64(SIZE_OFFSET, true);
    if (data === null || selected < 0n || selected >= size) return undefined;
    return new Int32Array(viewMemory((data + selected * BigInt(TOKEN_DATA_BYTES)) as Pointer, 4))[0];
  }

  /** Softmax over the candidates that samplers left, [vocabulary]; 0 for all others. */
  probabilities(vocabulary: number): Float32Array {
    const all = new Float32Array(vocabulary);
    const data = readPointer(this.pointer, 0);
    const size = Number(this.#view.getBigUint64(SIZE_OFFSET, true));
    if (data === null || size === 0) return all;
    const memory = viewMemory(data, size * TOKEN_DATA_BYTES);
    const [ids, values] = [new Int32Array(memory), new Float32Array(memory)];
    let highest = -Infinity;
    for (let i = 0; i < size; i++) highest = Math.max(highest, values[TOKEN_DATA_WORDS * i + 1] ?? -Infinity);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += Math.exp((values[TOKEN_DATA_WORDS * i + 1] ?? -Infinity) - highest);
    for (let i = 0; i < size; i++) {
      all[ids[TOKEN_DATA_WORDS * i] ?? 0] = Math.exp((values[TOKEN_DATA_WORDS * i + 1] ?? -Infinity) - highest) / sum;
    }
    return all;
  }

  [Symbol.dispose](): void {
    this.#data[Symbol.dispose]();
    this.#array[Symbol.dispose]();
  }
}
