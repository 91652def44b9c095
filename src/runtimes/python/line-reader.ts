/** Cuts a stream of bytes into lines, none longer than a limit. */
export class LineReader {
  #parts: Buffer[] = [];
  #length = 0;

  /** @param limit bytes of the longest line */
  constructor(private readonly limit: number) {}

  /** The lines that are whole now, without their ends; null when one is too long, after which nothing can be trusted. */
  push(bytes: Buffer): string[] | null {
    const lines: string[] = [];
    let rest = bytes;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      if (this.#length + end > this.limit) return null;
      lines.push(Buffer.concat([...this.#parts, rest.subarray(0, end)]).toString('utf8'));
      this.#parts = [];
      this.#length = 0;
      rest = rest.subarray(end + 1);
    }
    this.#length += rest.length;
    if (this.#length > this.limit) return null;
    if (rest.length > 0) this.#parts.push(rest);
    return lines;
  }
}
