import type { Command } from 'commander';
import type { Session } from '../session.js';
import { dataAlbums } from './data-albums.js';
import { dataScenes } from './data-scenes.js';

/** `edgevlm data …` */
export function data(program: Command, session: Session): void {
  const group = program.command('data').description('Make data sets.');
  dataScenes(group, session);
  dataAlbums(group, session);
}
