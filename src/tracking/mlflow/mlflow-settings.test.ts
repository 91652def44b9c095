import { expect, it } from 'vitest';
import { mlflowSettings } from './mlflow-settings.js';

const URI = 'https://mlflow.example/team';

it('without a server nothing is to be sent', async () => {
  expect(await mlflowSettings({})).toBeUndefined();
  expect(await mlflowSettings({ MLFLOW_TRACKING_URI: ' ' })).toBeUndefined();
});

it.each<[more: Record<string, string>, authorization: string | undefined]>([
  [{}, undefined],
  [{ MLFLOW_TRACKING_TOKEN: 't0k' }, 'Bearer t0k'],
  [{ MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'p:w' }, `Basic ${btoa('ada:p:w')}`],
  [{ MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'pw', MLFLOW_TRACKING_TOKEN: 't' }, `Basic ${btoa('ada:pw')}`],
  [{ MLFLOW_TRACKING_URI: 'https://ada:p%40w@mlflow.example/team' }, `Basic ${btoa('ada:p@w')}`],
])('%j is sent as %s', async (more, authorization) => {
  const settings = await mlflowSettings({ MLFLOW_TRACKING_URI: URI, ...more });
  expect(settings?.authorization).toBe(authorization);
  expect(settings?.server.href).toBe(`${URI}/`);
});

it.each<[more: Record<string, string>]>([
  [{ MLFLOW_TRACKING_URI: './mlruns' }],
  [{ MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' }],
  [{ MLFLOW_TRACKING_URI: 'databricks' }],
  [{ MLFLOW_TRACKING_URI: 'http://x/?token=s3cret' }],
  [{ MLFLOW_TRACKING_USERNAME: 'ada' }],
  [{ MLFLOW_TRACKING_TOKEN: 's3cret s3cret' }],
  [{ MLFLOW_TRACKING_INSECURE_TLS: 'true', MLFLOW_TRACKING_SERVER_CERT_PATH: '/x' }],
  [{ MLFLOW_HTTP_REQUEST_TIMEOUT: 'soon' }],
])('%j is refused, and no secret is in the message', async (more) => {
  const refused = mlflowSettings({ MLFLOW_TRACKING_URI: URI, ...more });
  await expect(refused).rejects.toMatchObject({ code: 'USAGE', message: expect.not.stringContaining('s3cret') as string });
});

it('knows whether any certificate will do', async () => {
  expect((await mlflowSettings({ MLFLOW_TRACKING_URI: URI }))?.insecureTls).toBe(false);
  expect((await mlflowSettings({ MLFLOW_TRACKING_URI: URI, MLFLOW_TRACKING_INSECURE_TLS: 'true' }))?.insecureTls).toBe(true);
});
