import { EdgeVlmError } from '../../core/errors.js';

export interface FetchLimits {
  /** Of one picture. */
  readonly pictureBytes: number;
  /** Of all pictures together. */
  readonly totalBytes: number;
  /** For all pictures, from now on. */
  readonly timeout_ms: number;
}

/** What the pictures of one request may still take. */
export class FetchBudget {
  #left: number;
  #leftOfPicture: number;
  readonly #end_ms: number;

  constructor(readonly limits: FetchLimits) {
    this.#left = limits.totalBytes;
    this.#leftOfPicture = limits.pictureBytes;
    this.#end_ms = performance.now() + limits.timeout_ms;
  }

  get left_ms(): number {
    return Math.max(0, this.#end_ms - performance.now());
  }

  /** From here on the bytes are those of another picture. */
  nextPicture(): void {
    this.#leftOfPicture = this.limits.pictureBytes;
  }

  /** What a server says that it will send. @throws EdgeVlmError IMAGE_TOO_LARGE */
  expect(bytes: number): void {
    const { pictureBytes, totalBytes } = this.limits;
    if (bytes > this.#leftOfPicture) throw new EdgeVlmError('IMAGE_TOO_LARGE', `the picture has more than ${pictureBytes} bytes`);
    if (bytes > this.#left) throw new EdgeVlmError('IMAGE_TOO_LARGE', `the pictures of the request have more than ${totalBytes} bytes`);
  }

  /** What came. @throws EdgeVlmError IMAGE_TOO_LARGE */
  take(bytes: number): void {
    this.expect(bytes);
    this.#left -= bytes;
    this.#leftOfPicture -= bytes;
  }
}
