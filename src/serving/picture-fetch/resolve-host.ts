import { Resolver } from 'node:dns/promises';
import { EdgeVlmError } from '../../core/errors.js';

/** Every address that a name has. @throws EdgeVlmError PICTURE_UNAVAILABLE for a name without one */
export type ResolveHost = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** One question to a name server; a fetch as a whole has a limit of its own. */
const QUESTION_MS = 2000;
const TRIES = 2;

/**
 * Asks name servers themselves: unlike `getaddrinfo` that can be cancelled, and takes none of the threads that pictures are decoded in.
 * @param servers `address:port`; default: those of this machine
 */
export function nameResolver(servers?: readonly string[]): ResolveHost {
  return async (hostname, signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: QUESTION_MS, tries: TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => {
      resolver.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return addresses;
      const failure = answers.find((answer) => answer.status === 'rejected');
      throw new EdgeVlmError('PICTURE_UNAVAILABLE', `the name ${hostname} has no address`, { cause: failure?.reason });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}
