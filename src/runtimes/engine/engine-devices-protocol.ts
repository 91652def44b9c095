import type { FoundDevice } from '../../core/runtime.js';

/** What asks drivers for devices, away from the process that wants to know: a driver may end the one it is loaded in. */
export interface EngineDevicesProtocol {
  devices: { request: null; event: never; result: readonly FoundDevice[] };
}
