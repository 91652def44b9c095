import { type Command, InvalidArgumentError } from 'commander';
import { type Scope, SCOPES } from '../../server/keys/scope.js';
import { keyFile } from '../key-file.js';
import { lifetime } from '../options/lifetime.js';
import { listOf } from '../options/list-of.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface CreateOptions {
  readonly name: string;
  readonly scope: readonly Scope[];
  /** Milliseconds. */
  readonly expires?: number;
}

/** `edgevlm keys create` */
export function keysCreate(group: Command, { terminal }: Session): void {
  const command = group
    .command('create')
    .description('Make a key and print it, this once: only a hash of it is kept.')
    .option('--name <name>', 'whose it is or what it is for', nameOf, '')
    .option('--scope <list>', 'what it is good for: infer, metrics, admin (everything); several with commas', listOf(SCOPES, ''), ['infer'])
    .option('--expires <time>', 'until when: 12h, 30d, 1y; default: until it is revoked', lifetime);
  addOutputOptions(command).action(async ({ name, scope, expires }: CreateOptions) => {
    const expiresAt = expires === undefined ? null : new Date(Date.now() + expires);
    const { key, record } = await keyFile().create({ name, scopes: scope, expiresAt });
    const { id, scopes } = record;
    terminal.result({ key, id, name, scopes, expires_at: record.expiresAt }, key);
    terminal.note(`key ${id}, good for ${scopes.join(' and ')}; it is not shown again`);
  });
}

function nameOf(text: string): string {
  // eslint-disable-next-line no-control-regex -- lists show one key a line
  if (text.length <= 100 && !/[\u0000-\u001f\u007f]/.test(text)) return text;
  throw new InvalidArgumentError('Expected at most 100 characters on one line.');
}
