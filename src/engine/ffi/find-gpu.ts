import { createRequire } from 'node:module';
import path from 'node:path';

import { EdgeVlmError } from '../../core/errors.js';
import { DEVICES } from '../../core/runtime.js';
import { devicePackage, devicePlatforms, type GpuDevice } from './device-package.js';
import { loadNative } from './native.js';
import { findLibrary, NATIVE_DIRECTORY_VARIABLE, NATIVE_VERSION } from './native-libraries.js';
import { nativeLog } from './native-log.js';
import type { Pointer } from './pointer.js';

/** A device that ggml has found, in its driver's words. */
export interface Gpu {
  readonly name: string;
  readonly description: string;
  /** ggml's handle. */
  readonly pointer: Pointer;
}

const GPU_DEVICES: readonly GpuDevice[] = DEVICES.filter((device) => device !== 'cpu');
/** `enum ggml_backend_dev_type`: a card with its own memory, and one that shares the processor's; the first is preferred. */
const GPU_TYPES = [1, 2] as const;

/**
 * Loads a device's kernels from their optional package and asks them which devices this machine has.
 * @returns ggml's first; which that is, and whether there is one, drivers can be told: `GGML_VK_VISIBLE_DEVICES`, `CUDA_VISIBLE_DEVICES`
 * @throws DEVICE_UNAVAILABLE where there are no kernels for this platform, their package is not installed, or they find no device
 */
export function findGpu(device: GpuDevice): Gpu {
  const platform = `${process.platform}-${process.arch}`;
  const name = devicePackage(device, platform);
  const { ggml, own } = loadNative();
  if (name === undefined && !own) {
    const others = devicePlatforms(device).join(', ');
    throw new EdgeVlmError('DEVICE_UNAVAILABLE', `there are no ${device} kernels for ${platform}, only for ${others}`, {
      hint: `Build llama.cpp with shared libraries and ${device} on this machine and name its folder in ${NATIVE_DIRECTORY_VARIABLE}, or leave --device out.`,
    });
  }
  // An own build has registered all of its devices already.
  if (!own && typeof name === 'string' && ggml.ggml_backend_load(kernelLibrary(device, name)) === null) {
    throw new EdgeVlmError('DEVICE_UNAVAILABLE', `the ${device} kernels do not load: ${nativeLog(1).join('')}`, {
      hint: `Install the driver of the device and its ${device} library, or compute on the processor: leave --device out.`,
    });
  }
  const found = Array.from({ length: ggml.ggml_backend_dev_count() }, (_, i) => ggml.ggml_backend_dev_get(i));
  for (const type of GPU_TYPES) {
    for (const pointer of found) {
      const registry = ggml.ggml_backend_reg_name(ggml.ggml_backend_dev_backend_reg(pointer)).toLowerCase();
      // Metal's registry is called MTL in newer releases.
      const matches = registry === device || (device === 'metal' && registry === 'mtl');
      if (!matches || ggml.ggml_backend_dev_type(pointer) !== type) continue;
      return { name: ggml.ggml_backend_dev_name(pointer), description: ggml.ggml_backend_dev_description(pointer), pointer };
    }
  }
  throw new EdgeVlmError('DEVICE_UNAVAILABLE', `the ${device} kernels find no device on this machine`);
}

/** Devices that have kernels here: what {@link findGpu} can be asked without being told to install something. Nothing is loaded. */
export function devicesWithKernels(own: boolean): readonly GpuDevice[] {
  return GPU_DEVICES.filter((device) => {
    const name = devicePackage(device, `${process.platform}-${process.arch}`);
    if (own || name === null) return true;
    if (name === undefined) return false;
    try {
      kernelLibrary(device, name);
      return true;
    } catch {
      return false;
    }
  });
}

function kernelLibrary(device: GpuDevice, name: string): string {
  const packageName = `@node-llama-cpp/${name}`;
  try {
    const entry = createRequire(import.meta.url).resolve(packageName);
    return findLibrary(path.join(path.dirname(entry), '..', 'bins', name), `ggml-${device}`);
  } catch (cause) {
    throw new EdgeVlmError('DEVICE_UNAVAILABLE', `the package ${packageName} is not installed`, {
      cause,
      hint: `Install it: npm install ${packageName}@${NATIVE_VERSION}`,
    });
  }
}
