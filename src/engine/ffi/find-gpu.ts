import { createRequire } from 'node:module';
import path from 'node:path';

import { EdgeVlmError } from '../../core/errors.js';
import { devicePackage, devicePlatforms, type GpuDevice } from './device-package.js';
import { loadNative } from './native.js';
import { findLibrary, NATIVE_DIRECTORY_VARIABLE, NATIVE_VERSION } from './native-libraries.js';
import { nativeLog } from './native-log.js';

/** A device that ggml has found, in its driver's words. */
export interface Gpu {
  readonly name: string;
  readonly description: string;
}

/** `enum ggml_backend_dev_type`: a card with its own memory, and one that shares the processor's. */
const GPU_TYPES: readonly number[] = [1, 2];

/**
 * Loads a device's kernels from their optional package and asks them which devices this machine has.
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
  for (let i = 0; i < ggml.ggml_backend_dev_count(); i++) {
    const found = ggml.ggml_backend_dev_get(i);
    const registry = ggml.ggml_backend_reg_name(ggml.ggml_backend_dev_backend_reg(found)).toLowerCase();
    // Metal's registry is called MTL in newer releases.
    const matches = registry === device || (device === 'metal' && registry === 'mtl');
    if (matches && GPU_TYPES.includes(ggml.ggml_backend_dev_type(found))) {
      return { name: ggml.ggml_backend_dev_name(found), description: ggml.ggml_backend_dev_description(found) };
    }
  }
  throw new EdgeVlmError('DEVICE_UNAVAILABLE', `the ${device} kernels find no device on this machine`);
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
