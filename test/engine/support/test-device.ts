import { DEVICES } from '../../../src/core/runtime.js';
import type { GpuDevice } from '../../../src/engine/ffi/device-package.js';
import { findGpu } from '../../../src/engine/ffi/find-gpu.js';
import type { Backend } from '../../../src/engine/ggml/backend.js';
import { DeviceBackend } from '../../../src/engine/ggml/device-backend.js';

/**
 * The device that tests compute on: only one that was asked for, because a driver may end the process that looks for it. A processor is
 * a Vulkan device where Mesa's lavapipe is installed (Debian: mesa-vulkan-drivers) and `GGML_VK_VISIBLE_DEVICES=0` picks it.
 */
export const TEST_DEVICE: GpuDevice | undefined = DEVICES.filter((device) => device !== 'cpu').find(
  (device) => device === process.env['EDGEVLM_TEST_DEVICE'],
);

/** @throws DEVICE_UNAVAILABLE */
export function openTestDevice(): Backend {
  return new DeviceBackend(findGpu(TEST_DEVICE ?? 'vulkan'), { threads: 1 });
}
