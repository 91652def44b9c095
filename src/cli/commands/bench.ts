import type { Command } from 'commander';

import type { Session } from '../session.js';
import { benchEngine } from './bench-engine.js';
import { benchPlan } from './bench-plan.js';
import { benchPrecisions } from './bench-precisions.js';
import { benchServe } from './bench-serve.js';
import { benchTtft } from './bench-ttft.js';
import { benchVlm } from './bench-vlm.js';

/** `edgevlm bench …` */
export function bench(program: Command, session: Session): void {
  const group = program.command('bench').description('Measure.');
  benchEngine(group, session);
  benchPrecisions(group, session);
  benchPlan(group, session);
  benchServe(group, session);
  benchTtft(group, session);
  benchVlm(group, session);
}
