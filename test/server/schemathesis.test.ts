import { describe, expect, it } from 'vitest';
import { canInstallApiPython } from './support/api-python.js';
import { runSchemathesis } from './support/run-schemathesis.js';

/** CI sends this many; `npx tsx scripts/schemathesis.ts` sends 20,000. */
const REQUESTS = 1000;

describe.runIf(canInstallApiPython())('requests that schemathesis makes of the API description', () => {
  it('have described answers', async () => {
    const { requests, failure } = await runSchemathesis(REQUESTS);
    expect(failure).toBeNull();
    expect(requests).toBeGreaterThanOrEqual(REQUESTS);
  }, 600_000);
});
