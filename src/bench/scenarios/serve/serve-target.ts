import type { Generator } from '../../../core/generator.js';

/** Who is measured: the server, and the one that it is compared with. Also the names in records. */
export const SERVE_SIDES = ['server', 'peer'] as const;
export type ServeSide = (typeof SERVE_SIDES)[number];

export interface ServeTarget {
  readonly side: ServeSide;
  /** Each `generate` is one request of one client. */
  readonly generator: Generator;
}

/** Closed loop: clients that ask again as soon as they are answered. Open loop: requests at times of their own, whatever the answers do. */
export type ServeLoad =
  | { readonly kind: 'clients'; readonly clients: number }
  | { readonly kind: 'rate'; /** Mean requests per second. */ readonly rate: number };

/** As records name it: `clients_4`, `rate_0.5`. */
export function loadName(load: ServeLoad): string {
  return load.kind === 'clients' ? `clients_${load.clients}` : `rate_${load.rate}`;
}
