/**
 * Gives the text that each token adds; what ends in the middle of a character waits for the next.
 * A token's text depends on what stands before it (a space, the other bytes of a character), so the last tokens are decoded with and
 * without the new one, as in huggingface/text-generation-inference `server/text_generation_server/models/model.py`.
 */
export class TokenText {
  readonly #tokens: number[] = [];
  #before = 0;
  #read = 0;

  constructor(private readonly decode: (tokens: number[]) => string) {}

  push(token: number): string {
    this.#tokens.push(token);
    const known = this.#decode(this.#tokens.slice(this.#before, this.#read));
    const text = this.#decode(this.#tokens.slice(this.#before));
    if (text.length <= known.length || text.endsWith('\uFFFD')) return '';
    this.#before = this.#read;
    this.#read = this.#tokens.length;
    return text.slice(known.length);
  }

  /** Tokenisers may refuse to decode nothing. */
  #decode(tokens: number[]): string {
    return tokens.length === 0 ? '' : this.decode(tokens);
  }
}
