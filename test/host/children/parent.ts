import { ChildProcess } from '../../../src/host/child-process.js';
import { siblingEntry } from '../../../src/host/sibling-entry.js';
import type { EchoProtocol } from './echo.js';

/** A parent that is to be killed: tells its child's process id and keeps a request running. */
const child = await ChildProcess.start<EchoProtocol>(siblingEntry('./echo', import.meta.url));
process.stdout.write(`${child.pid ?? ''}\n`);
await child.request('count', { to: 1, forever: true });
