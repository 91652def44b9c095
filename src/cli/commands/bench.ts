import type { Command } from 'commander';

import type { Session } from '../session.js';
import { benchEngine } from './bench-engine.js';

/** `edgevlm bench …` */
export function bench(program: Command, session: Session): void {
  benchEngine(program.command('bench').description('Measure.'), session);
}
