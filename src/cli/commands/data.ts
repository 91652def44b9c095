import type { Command } from 'commander';
import type { Session } from '../session.js';
import { dataAlbums } from './data-albums.js';
import { dataCopy } from './data-copy.js';
import { dataDummy } from './data-dummy.js';
import { dataScenes } from './data-scenes.js';

/** `edgevlm data …` */
export function data(program: Command, session: Session): void {
  const group = program.command('data').description('Make data sets.');
  for (const add of [dataScenes, dataAlbums, dataDummy, dataCopy]) add(group, session);
}
