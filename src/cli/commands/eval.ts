import type { Command } from 'commander';
import type { Session } from '../session.js';
import { evalAlbums } from './eval-albums.js';
import { evalScenes } from './eval-scenes.js';

/** `edgevlm eval …` */
export function evaluate(program: Command, session: Session): void {
  const group = program.command('eval').description('Measure how good answers are.');
  evalScenes(group, session);
  evalAlbums(group, session);
}
