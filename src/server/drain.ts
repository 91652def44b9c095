import type { InferenceService } from '../serving/inference-service.js';
import type { App } from './server-options.js';

/** How often connections are looked at whose last answer is through. */
const LOOK_MS = 50;
/** How long clients may take to read an answer that is ready. */
const READING_MS = 5000;

/** Stops a server without losing a request that it took: no new ones, then the answers, then the connections. */
export async function drain(app: App, service: InferenceService): Promise<void> {
  const answered = service.close();
  const closed = app.close();
  // A connection that had an answer under way when the server was closed would else be kept for the client's next request.
  const look = setInterval(() => {
    app.server.closeIdleConnections();
  }, LOOK_MS);
  await answered;
  const patience = setTimeout(() => {
    app.server.closeAllConnections();
  }, READING_MS);
  await closed;
  clearInterval(look);
  clearTimeout(patience);
}
