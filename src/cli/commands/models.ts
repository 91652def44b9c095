import type { Command } from 'commander';
import type { Session } from '../session.js';
import { modelsConvert } from './models-convert.js';
import { modelsInspect } from './models-inspect.js';

/** `edgevlm models …` */
export function models(program: Command, session: Session): void {
  const group = program.command('models').description('Look into model files and make them.');
  for (const add of [modelsInspect, modelsConvert]) add(group, session);
}
