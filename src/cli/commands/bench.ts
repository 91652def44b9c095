import type { Command } from 'commander';

import type { Session } from '../session.js';
import { benchEngine } from './bench-engine.js';
import { benchPrecisions } from './bench-precisions.js';

/** `edgevlm bench …` */
export function bench(program: Command, session: Session): void {
  const group = program.command('bench').description('Measure.');
  benchEngine(group, session);
  benchPrecisions(group, session);
}
