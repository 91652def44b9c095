import { EdgeVlmError } from '../../core/errors.js';
import { serve } from '../../host/child.js';
import { eventStream } from '../../host/event-stream.js';
import type { WorkerAnswer, WorkerToken } from '../worker/worker-generator.js';
import { TransformersJsModel } from './transformers-js-model.js';
import { loadTransformersJs } from './transformers-js-package.js';
import type { TransformersJsProtocol } from './transformers-js-protocol.js';

/** The process of Transformers.js: what crashes ONNX Runtime ends it and nothing else. */
let model: TransformersJsModel | undefined;
/** Ends when the generation before has ended: sessions compute for one at a time. */
let last: Promise<unknown> = Promise.resolve();

function held(): TransformersJsModel {
  if (model === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
  return model;
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const answer = last.then(work);
  last = answer.catch(() => undefined);
  return answer;
}

/* eslint-disable require-yield -- loading and scoring have a result and no events */
await serve<TransformersJsProtocol>(
  {
    async *load(request) {
      if (model !== undefined) throw new EdgeVlmError('INTERNAL', 'this process already holds a model');
      model = await TransformersJsModel.load(await loadTransformersJs(), request);
      return model.description;
    },
    async *generate(request, signal) {
      const loaded = held();
      const arrived = performance.now();
      return yield* eventStream<WorkerToken, WorkerAnswer>((onToken, aborted) => {
        return inTurn(() => loaded.generate(request, performance.now() - arrived, aborted, onToken));
      }, signal);
    },
    async *score({ request, tokens }, signal) {
      const loaded = held();
      return inTurn(() => loaded.score(request, tokens, signal));
    },
  },
  async () => {
    await model?.close();
  },
);
