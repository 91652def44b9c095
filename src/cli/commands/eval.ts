import type { Command } from 'commander';
import type { Session } from '../session.js';
import { evalScenes } from './eval-scenes.js';

/** `edgevlm eval …` */
export function evaluate(program: Command, session: Session): void {
  evalScenes(program.command('eval').description('Measure how good answers are.'), session);
}
