import type { RuntimeSpec } from '../../../src/core/runtime.js';
import { serve } from '../../../src/host/child.js';
import { llamaServerRuntime } from '../../../src/runtimes/llama-server/llama-server-runtime.js';

/** A process that opens a llama-server and is killed. */
export interface OpenerProtocol {
  open: { request: RuntimeSpec; event: never; result: readonly number[] };
}

/* eslint-disable require-yield -- opening has a result and no events */
await serve<OpenerProtocol>({
  async *open(spec) {
    return (await llamaServerRuntime.open(spec)).pids();
  },
});
