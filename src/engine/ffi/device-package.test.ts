import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEVICES } from '../../core/runtime.js';
import { devicePackage, devicePlatforms } from './device-package.js';
import { devicesWithKernels, findGpu } from './find-gpu.js';
import { NATIVE_VERSION } from './native-libraries.js';

const GPUS = DEVICES.filter((device) => device !== 'cpu');

describe('kernels for other devices', () => {
  it('are in optional packages on x64 and part of the library on Apple silicon', () => {
    expect(devicePackage('cuda', 'linux-x64')).toBe('linux-x64-cuda');
    expect(devicePackage('vulkan', 'win32-x64')).toBe('win-x64-vulkan');
    expect(devicePackage('metal', 'darwin-arm64')).toBeNull();
  });

  it.each(GPUS)('%s: nobody has built them for Linux on arm64', (device) => {
    expect(devicePackage(device, 'linux-arm64')).toBeUndefined();
    expect(devicePlatforms(device)).not.toContain('linux-arm64');
  });

  it('are of the release that is installed', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(manifest.optionalDependencies['@node-llama-cpp/linux-x64']).toBe(NATIVE_VERSION);
  });

  // This repository installs none of the packages; a machine that has one passes by finding a device.
  it.each(GPUS.filter((device) => devicePackage(device, `${process.platform}-${process.arch}`) !== null))(
    '%s: where they are missing the error says what to do',
    (device) => {
      let failure: unknown;
      try {
        expect(findGpu(device).description).not.toBe('');
        return;
      } catch (thrown) {
        failure = thrown;
      }
      const missing =
        devicePackage(device, `${process.platform}-${process.arch}`) !== undefined && !devicesWithKernels(false).includes(device);
      expect(failure).toMatchObject({
        code: 'DEVICE_UNAVAILABLE',
        hint: expect.stringContaining(missing ? 'npm install @node-llama-cpp/' : '--device') as string,
      });
    },
  );
});
