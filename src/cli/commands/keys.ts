import type { Command } from 'commander';
import type { Session } from '../session.js';
import { keysCreate } from './keys-create.js';
import { keysList } from './keys-list.js';
import { keysRevoke } from './keys-revoke.js';

/** `edgevlm keys …` */
export function keys(program: Command, session: Session): void {
  const group = program.command('keys').description("Make and revoke API keys for this machine's servers; those that run take notice.");
  for (const add of [keysCreate, keysList, keysRevoke]) add(group, session);
}
