/** One stretch of decoding, one token at a time. */
export interface DecodeSamples {
  /** Wall time of every token, milliseconds. */
  readonly step_ms: readonly number[];
  /** The part of it spent outside the compute graph; null where the runtime cannot tell. */
  readonly host_ms: readonly number[] | null;
}

/** A decoder without tokeniser, as llama-bench times it. Implemented by what `bench engine` compares. */
export interface ForwardPass {
  /** Runtime and what is special about it, for tables. */
  readonly label: string;
  /** null for a program that loads the model anew for every measurement and does not say how long that took. */
  readonly load_ms: number | null;
  /** The process that holds the model. */
  readonly pid: number | undefined;
  /** Empties the cache and appends `tokens` pseudo-random tokens in one call; 0 only empties. Milliseconds. */
  prefill(tokens: number): Promise<number>;
  /** The same, untimed: what `decode` starts from. */
  fill(tokens: number): Promise<void>;
  /** Appends `tokens` tokens one by one, then forgets them again. */
  decode(tokens: number): Promise<DecodeSamples>;
  /** Empties the cache, appends `tokens` pseudo-random tokens one by one and gives the logits after each: [vocabulary]. Absent where they are not told. */
  readonly logits?: (tokens: number) => Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** One that can also check several tokens at a time, as speculative decoding does. */
export interface BatchForwardPass extends ForwardPass {
  /** Appends `tokens` tokens in one call, logits for each, then forgets them again. Milliseconds. */
  batch(tokens: number): Promise<number>;
}

/** The vision half of a model. */
export interface PictureEncoder {
  readonly label: string;
  /** Encodes pictures of the tower's size. @returns milliseconds of each */
  encode(): Promise<number[]>;
}
