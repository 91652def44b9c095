import type { Command } from 'commander';
import { wholeNumber } from './number-parser.js';
import { repeatable } from './repeatable.js';

/** Who may use a server, and what it may reach itself. */
export interface AccessOptions {
  readonly apiKey: readonly string[];
  readonly insecure?: true;
  readonly corsOrigin: readonly string[];
  readonly rateLimit?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly fetchFrom: readonly string[];
}

export function addAccessOptions(command: Command): Command {
  return command
    .addOption(repeatable('--api-key <key>', 'ask clients for this key; rather set EDGEVLM_API_KEY, or make keys with `edgevlm keys`'))
    .option('--insecure', 'listen at an address that others reach, without a key')
    .addOption(repeatable('--cors-origin <origin>', 'let pages of this origin use the server, * for all'))
    .option('--rate-limit <n>', 'requests that one key, or one address without a key, may send in a minute', wholeNumber(1, 1_000_000))
    .option('--tls-cert <file>', 'serve https with this certificate and its chain, PEM; a renewed one is noticed')
    .option('--tls-key <file>', "the certificate's key, PEM")
    .addOption(repeatable('--fetch-from <host>', 'fetch https pictures from this host: example.com, *.example.com, example.com:8443'));
}
