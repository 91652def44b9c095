import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hubSettings } from './hub-settings.js';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hub-settings-'));
});
afterEach(() => rm(home, { recursive: true }));

describe('the environment of huggingface_hub', () => {
  it('says where the Hub is and who asks', async () => {
    expect((await hubSettings({ HF_HOME: home })).endpoint.href).toBe('https://huggingface.co/');
    expect(await hubSettings({ HF_HOME: home })).not.toHaveProperty('token');
    const settings = await hubSettings({ HF_HOME: home, HF_ENDPOINT: 'http://mirror.lan:8080/hub//', HF_TOKEN: ' hf_a ' });
    expect([settings.endpoint.href, settings.token]).toEqual(['http://mirror.lan:8080/hub/', 'hf_a']);
  });

  it('has a stored token, which HF_TOKEN replaces', async () => {
    await writeFile(join(home, 'token'), 'hf_stored\n');
    expect((await hubSettings({ HF_HOME: home })).token).toBe('hf_stored');
    expect((await hubSettings({ HF_HOME: home, HF_TOKEN: 'hf_a' })).token).toBe('hf_a');
  });

  it.each(['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'])('%s forbids to download, with the words huggingface_hub knows', async (name) => {
    for (const yes of ['1', 'true', 'ON', 'Yes']) {
      await expect(hubSettings({ HF_HOME: home, [name]: yes })).rejects.toMatchObject({
        code: 'OFFLINE',
        message: expect.stringContaining(name) as string,
      });
    }
    for (const no of ['0', '', 'false']) await expect(hubSettings({ HF_HOME: home, [name]: no })).resolves.toBeDefined();
  });

  it.each(['huggingface.co', 'file:///models', 'https://user:secret@hub.example', 'https://hub.example/?token=secret'])(
    'an endpoint of %s is refused without repeating it',
    async (endpoint) => {
      await expect(hubSettings({ HF_HOME: home, HF_ENDPOINT: endpoint })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.not.stringContaining('secret') as string,
      });
    },
  );

  it('a token that fits into no header is refused without repeating it', async () => {
    await expect(hubSettings({ HF_HOME: home, HF_TOKEN: 'hf_a\r\nX: secret' })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.not.stringContaining('secret') as string,
    });
  });
});
