import type { Command } from 'commander';
import type { Session } from '../session.js';
import { runsExport } from './runs-export.js';
import { runsList } from './runs-list.js';
import { runsRm } from './runs-rm.js';
import { runsShow } from './runs-show.js';

/** `edgevlm runs …` */
export function runs(program: Command, session: Session): void {
  const group = program.command('runs').description('Look at the measurements made on this machine, export and remove them.');
  for (const add of [runsList, runsShow, runsRm, runsExport]) add(group, session);
}
