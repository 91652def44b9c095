import type { Command } from 'commander';
import { keyFile } from '../key-file.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm keys revoke` */
export function keysRevoke(group: Command, { terminal }: Session): void {
  const command = group.command('revoke').description('Forget a key; servers that run refuse it within a second.');
  command.argument('<id>', 'its id; `edgevlm keys list` shows it');
  addOutputOptions(command).action(async (id: string) => {
    await keyFile().revoke(id);
    terminal.result({ revoked: id }, `${id} revoked`);
  });
}
