import type { Command } from 'commander';
import type { Session } from '../session.js';
import { configCheck } from './config-check.js';
import { configShow } from './config-show.js';

/** `edgevlm config …` */
export function config(program: Command, session: Session): void {
  const group = program.command('config').description('Check a config file, and show the settings in force and who decided them.');
  for (const add of [configCheck, configShow]) add(group, session);
}
