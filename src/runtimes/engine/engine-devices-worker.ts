import { EdgeVlmError } from '../../core/errors.js';
import type { FoundDevice } from '../../core/runtime.js';
import { devicesWithKernels, findGpu } from '../../engine/ffi/find-gpu.js';
import { loadNative } from '../../engine/ffi/native.js';
import { serve } from '../../host/child.js';
import type { EngineDevicesProtocol } from './engine-devices-protocol.js';

await serve<EngineDevicesProtocol>({
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- this request has a result and no events
  async *devices() {
    return devicesWithKernels(loadNative().own).map((device): FoundDevice => {
      try {
        return { device, description: findGpu(device).description, problem: null };
      } catch (thrown) {
        return { device, description: null, problem: EdgeVlmError.from(thrown).message };
      }
    });
  },
});
