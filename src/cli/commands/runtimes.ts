import type { Command } from 'commander';
import type { Session } from '../session.js';
import { runtimesCheck } from './runtimes-check.js';
import { runtimesInstall } from './runtimes-install.js';
import { runtimesList } from './runtimes-list.js';

/** `edgevlm runtimes …` */
export function runtimes(program: Command, session: Session): void {
  const group = program.command('runtimes').description('Say what can run models on this machine, and why something cannot.');
  for (const add of [runtimesList, runtimesCheck, runtimesInstall]) add(group, session);
}
