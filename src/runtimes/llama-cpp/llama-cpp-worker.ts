import { EdgeVlmError } from '../../core/errors.js';
import { serve } from '../../host/child.js';
import type { ChildModelProtocol } from '../worker/open-child-model.js';
import { LlamaCppModel, type LlamaCppLoadRequest } from './llama-cpp-model.js';

let model: LlamaCppModel | undefined;

/* eslint-disable require-yield -- loading and scoring have a result and no events */
await serve<ChildModelProtocol<LlamaCppLoadRequest>>(
  {
    async *load(request) {
      if (model !== undefined) throw new EdgeVlmError('INTERNAL', 'this process already holds a model');
      model = await LlamaCppModel.load(request);
      return model.description;
    },
    async *generate(request, signal) {
      if (model === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      return yield* model.generate(request, signal);
    },
    async *score({ request, tokens }, signal) {
      if (model === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      return model.score(request, tokens, signal);
    },
  },
  () => {
    model?.[Symbol.dispose]();
  },
);
