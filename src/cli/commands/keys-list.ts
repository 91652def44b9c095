import type { Command } from 'commander';
import { columns } from '../columns.js';
import { keyFile } from '../key-file.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm keys list` */
export function keysList(group: Command, { terminal }: Session): void {
  const command = group.command('list').description('List the keys that were made: never the keys themselves.');
  addOutputOptions(command).action(async () => {
    const records = await keyFile().read();
    const rows = records.map(({ id, name, scopes, createdAt, expiresAt }) => ({
      ...{ id, name, scopes, created_at: createdAt, expires_at: expiresAt },
      expired: expiresAt !== null && Date.parse(expiresAt) <= Date.now(),
    }));
    const [headings = '', ...lines] = columns([
      ['id', 'name', 'scopes', 'made', 'expires'],
      ...rows.map((row) => [row.id, row.name || '-', row.scopes.join(','), row.created_at.slice(0, 10), expiry(row)]),
    ]);
    if (!terminal.json && rows.length > 0) terminal.write(`${headings}\n`);
    for (const [index, row] of rows.entries()) terminal.result(row, lines[index] ?? '');
    if (rows.length === 0) terminal.note('no keys were made');
  });
}

function expiry({ expires_at, expired }: { readonly expires_at: string | null; readonly expired: boolean }): string {
  if (expires_at === null) return 'never';
  return expired ? 'has expired' : expires_at.slice(0, 16).replace('T', ' ');
}
