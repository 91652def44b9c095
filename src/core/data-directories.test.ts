import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { dataDirectories } from './data-directories.js';

const person = { userHome: '/home/ada', cwd: '/project' };

test('EDGEVLM_HOME holds runs, calibration and models; relative values start at the working directory', () => {
  const directories = dataDirectories({ ...person, platform: 'linux', env: { EDGEVLM_HOME: 'state' } });
  expect(directories.home).toBe(resolve('/project/state'));
  expect(directories.runs).toBe(join(directories.home, 'runs'));
  expect(directories.calibration).toBe(join(directories.home, 'calibration'));
});

test.each([
  ['linux', {}, '/home/ada/.local/share/edgevlm'],
  ['linux', { XDG_DATA_HOME: '/data', EDGEVLM_HOME: '' }, '/data/edgevlm'],
  ['darwin', {}, '/home/ada/Library/Application Support/edgevlm'],
  ['win32', { LOCALAPPDATA: '/local' }, '/local/edgevlm'],
] as const)('on %s with %j the home is %s', (platform, env, home) => {
  expect(dataDirectories({ ...person, platform, env }).home).toBe(resolve(home));
});

test.each([
  [{}, '/home/ada/.cache/huggingface/hub'],
  [{ XDG_CACHE_HOME: '/cache' }, '/cache/huggingface/hub'],
  [{ HF_HOME: '/hf' }, '/hf/hub'],
  [{ HF_HOME: '/hf', HF_HUB_CACHE: '/elsewhere' }, '/elsewhere'],
])('models are looked for in ./models, the home, then the hub cache (%j)', (env, hub) => {
  const directories = dataDirectories({ ...person, platform: 'linux', env: { EDGEVLM_HOME: '/state', ...env } });
  expect(directories.models).toEqual([join('/project', 'models'), join(resolve('/state'), 'models'), resolve(hub)]);
});
