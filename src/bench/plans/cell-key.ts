import { sha256Json } from '../../core/canonical-json.js';
import type { Cell } from '../../core/plan-cell.js';

/** What a cell's result depends on besides its settings. */
export interface CellIdentity {
  /** SHA-256 of every file that goes in, by role: `model`, `mmproj`, `images`, … */
  readonly files: Readonly<Record<string, string>>;
  /** Version of EdgeVLM. */
  readonly edgevlm: string;
}

/** A cell's address: the hash of all that its result follows from. Another weight, another setting or another EdgeVLM is another cell. */
export function cellKey({ scenario, settings, round }: Cell, { files, edgevlm }: CellIdentity): string {
  return sha256Json({ scenario, settings, round, files, edgevlm });
}
