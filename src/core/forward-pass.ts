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
  readonly load_ms: number;
  /** The process that holds the model. */
  readonly pid: number | undefined;
  /** Empties the cache and appends `tokens` pseudo-random tokens in one call; 0 only empties. Milliseconds. */
  prefill(tokens: number): Promise<number>;
  /** Appends `tokens` tokens one by one, then forgets them again. */
  decode(tokens: number): Promise<DecodeSamples>;
  close(): Promise<void>;
}
