import type { Command } from 'commander';
import type { Session } from '../session.js';
import { modelsCheck } from './models-check.js';
import { modelsConvert } from './models-convert.js';
import { modelsInspect } from './models-inspect.js';
import { modelsList } from './models-list.js';
import { modelsPull } from './models-pull.js';
import { modelsQuantise } from './models-quantise.js';
import { modelsRm } from './models-rm.js';
import { modelsSynthesize } from './models-synthesize.js';
import { modelsVerify } from './models-verify.js';

/** `edgevlm models …` */
export function models(program: Command, session: Session): void {
  const group = program.command('models').description('Download models, check them, look into their files and make them.');
  for (const add of [
    modelsList,
    modelsPull,
    modelsVerify,
    modelsRm,
    modelsInspect,
    modelsConvert,
    modelsQuantise,
    modelsSynthesize,
    modelsCheck,
  ])
    add(group, session);
}
