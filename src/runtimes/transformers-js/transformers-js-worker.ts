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

await serve<TransformersJsProtocol>(
  {
    // eslint-disable-next-line require-yield -- loading tells nothing
    async *load(request) {
      if (model !== undefined) throw new EdgeVlmError('INTERNAL', 'this process already holds a model');
      model = await TransformersJsModel.load(await loadTransformersJs(), request);
      return model.description;
    },
    async *generate(request, signal) {
      const loaded = model;
      if (loaded === undefined) throw new EdgeVlmError('INTERNAL', 'no model is loaded');
      const arrived = performance.now();
      return yield* eventStream<WorkerToken, WorkerAnswer>((onToken, aborted) => {
        const answer = last.then(() => loaded.generate(request, performance.now() - arrived, aborted, onToken));
        last = answer.catch(() => undefined);
        return answer;
      }, signal);
    },
  },
  async () => {
    await model?.close();
  },
);
