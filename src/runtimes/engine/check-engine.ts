import { EdgeVlmError } from '../../core/errors.js';
import type { FoundDevice, RuntimeCheck } from '../../core/runtime.js';
import { checkNative } from '../../engine/ffi/check-native.js';
import { devicesWithKernels } from '../../engine/ffi/find-gpu.js';
import { findNativeLibraries } from '../../engine/ffi/native-libraries.js';
import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import type { EngineDevicesProtocol } from './engine-devices-protocol.js';

/** How long drivers may take to say what there is. */
const DEADLINE_MS = 20_000;

/** Whether the native libraries are there, and which devices besides the processor they find. */
export async function checkEngine(signal?: AbortSignal): Promise<RuntimeCheck> {
  const check = checkNative();
  if (!check.available) return check;
  const devices = devicesWithKernels(findNativeLibraries().own).length === 0 ? [] : await askForDevices(signal);
  const words = devices.map(({ device, description, problem }) => `${device}: ${description ?? problem ?? 'none'}`);
  return { ...check, devices, detail: [check.detail, 'computes on cpu', ...words].join('; ') };
}

async function askForDevices(signal: AbortSignal | undefined): Promise<readonly FoundDevice[]> {
  try {
    const entry = siblingEntry('./engine-devices-worker', import.meta.url);
    await using child = await ChildProcess.start<EngineDevicesProtocol>(entry, { name: 'the search for devices' });
    return await child.request('devices', null, { signal, deadline_ms: DEADLINE_MS });
  } catch (thrown) {
    const { code, message } = EdgeVlmError.from(thrown);
    if (code === 'CANCELLED') throw thrown;
    return devicesWithKernels(findNativeLibraries().own).map((device) => ({ device, description: null, problem: message }));
  }
}
