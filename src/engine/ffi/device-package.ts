import type { Device } from '../../core/runtime.js';

export type GpuDevice = Exclude<Device, 'cpu'>;

/** The optional package that holds a device's kernels; null: they are part of the processor's. Names are node-llama-cpp's. */
const PACKAGES: Readonly<Record<GpuDevice, Readonly<Record<string, string | null>>>> = {
  cuda: { 'linux-x64': 'linux-x64-cuda', 'win32-x64': 'win-x64-cuda' },
  vulkan: { 'linux-x64': 'linux-x64-vulkan', 'win32-x64': 'win-x64-vulkan' },
  metal: { 'darwin-arm64': null },
};

/** @returns undefined where nobody has built the device's kernels for the platform, such as anything for linux-arm64 */
export function devicePackage(device: GpuDevice, platform: string): string | null | undefined {
  return PACKAGES[device][platform];
}

/** Platforms that have the device, as `process.platform` and `process.arch` name them. */
export function devicePlatforms(device: GpuDevice): string[] {
  return Object.keys(PACKAGES[device]);
}
