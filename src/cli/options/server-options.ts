import type { Command } from 'commander';
import { wholeNumber } from './number-parser.js';
import { repeatable } from './repeatable.js';

/** How the server listens and what it lets in. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly apiKey: readonly string[];
  readonly corsOrigin: readonly string[];
  readonly insecure?: true;
  readonly parallel: number;
  readonly maxQueue: number;
  /** Milliseconds. */
  readonly deadline: number;
  readonly maxTokens: number;
  readonly defaultTokens: number;
  readonly maxImages: number;
  readonly maxImageBytes: number;
  readonly maxImagePixels: number;
  /** Empty: none. */
  readonly logFile: string;
}

export function addServerOptions(command: Command): Command {
  return command
    .option('--host <address>', 'address to listen at; others than this machine reach it only where it is theirs', '127.0.0.1')
    .option('--port <n>', 'port to listen at; 0 takes a free one', wholeNumber(0, 65_535), 8000)
    .addOption(repeatable('--api-key <key>', 'ask clients for this key; rather set EDGEVLM_API_KEY, which no list of processes shows'))
    .option('--insecure', 'listen at an address that others reach, without a key')
    .addOption(repeatable('--cors-origin <origin>', 'let pages of this origin use the server, * for all'))
    .option('--parallel <n>', 'requests that run at once', wholeNumber(1, 64), 4)
    .option('--max-queue <n>', 'requests that wait; more are told to come again', wholeNumber(0, 100_000), 32)
    .option('--deadline <ms>', 'for requests that name none', wholeNumber(1, 3_600_000), 300_000)
    .option('--max-tokens <n>', 'new tokens that a request may ask for', wholeNumber(1, 1_000_000), 4096)
    .option('--default-tokens <n>', 'new tokens at most where a request does not say', wholeNumber(1, 1_000_000), 256)
    .option('--max-images <n>', 'pictures of one request', wholeNumber(1, 256), 16)
    .option('--max-image-bytes <n>', 'size of a picture file', wholeNumber(1, 1_000_000_000), 20_000_000)
    .option('--max-image-pixels <n>', 'width × height of a picture', wholeNumber(1, 1_000_000_000), 50_000_000)
    .option('--log-file <file>', 'where to log besides standard output, 10 MB twice at most; empty for nowhere', 'logs/edgevlm.log');
}
