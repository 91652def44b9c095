import type { Command } from 'commander';
import { type AccessOptions, addAccessOptions } from './access-options.js';
import { decimalNumber, wholeNumber } from './number-parser.js';

/** How the server listens and what it lets in. */
export interface ListenOptions extends AccessOptions {
  readonly host: string;
  readonly port: number;
  readonly parallel: number;
  readonly maxQueue: number;
  /** Milliseconds. */
  readonly deadline: number;
  /** Milliseconds. */
  readonly pause: number;
  readonly pauseAbove?: number;
  readonly maxTokens: number;
  readonly defaultTokens: number;
  /** As `fingerprintDistance` tells. */
  readonly reuseAnswers: number;
  readonly maxImages: number;
  readonly maxImageBytes: number;
  readonly maxImagePixels: number;
  /** Empty: none. */
  readonly logFile: string;
}

export function addServerOptions(command: Command): Command {
  return addAccessOptions(
    command
      .option('--host <address>', 'address to listen at; others than this machine reach it only where it is theirs', '127.0.0.1')
      .option('--port <n>', 'port to listen at; 0 takes a free one', wholeNumber(0, 65_535), 8000),
  )
    .option('--parallel <n>', 'requests that run at once', wholeNumber(1, 64), 4)
    .option('--max-queue <n>', 'requests that wait; more are told to come again', wholeNumber(0, 100_000), 32)
    .option('--deadline <ms>', 'for requests that name none', wholeNumber(1, 3_600_000), 300_000)
    .option(
      '--pause <ms>',
      'between inferences, for boards that get hot: what runs goes on, what waits waits longer',
      wholeNumber(0, 600_000),
      0,
    )
    .option('--pause-above <celsius>', 'pause only while the board is hotter; needs --pause', decimalNumber(0, 150))
    .option('--max-tokens <n>', 'new tokens that a request may ask for', wholeNumber(1, 1_000_000), 4096)
    .option('--default-tokens <n>', 'new tokens at most where a request does not say', wholeNumber(1, 1_000_000), 256)
    .option(
      '--reuse-answers <distance>',
      'give an answer again for a picture nearer than this to an earlier one, same question, same client: lossy; 0 never',
      decimalNumber(0, 255),
      0,
    )
    .option('--max-images <n>', 'pictures of one request', wholeNumber(1, 256), 16)
    .option('--max-image-bytes <n>', 'size of a picture file', wholeNumber(1, 1_000_000_000), 20_000_000)
    .option('--max-image-pixels <n>', 'width × height of a picture', wholeNumber(1, 1_000_000_000), 50_000_000)
    .option('--log-file <file>', 'where to log besides standard output, 10 MB twice at most; empty for nowhere', 'logs/edgevlm.log');
}
