import { fork } from 'node:child_process';

// Holds some memory, starts as many generations of itself as it is told, and works until it has had as much processor time as it is told. In JavaScript: what runs
// TypeScript would start a process of its own, and the processes are counted.
const [megabytes = '0', generations = '0'] = process.argv.slice(2);
const held = Buffer.alloc(Number(megabytes) * 1024 * 1024, 1);
const child = Number(generations) > 0 ? fork(process.argv[1] ?? '', [megabytes, String(Number(generations) - 1)]) : undefined;
child?.on('message', (message) => process.send?.(message));
if (child === undefined) process.send?.('ready');

process.on('message', ({ busy_ms }) => {
  const begin = process.cpuUsage();
  for (let worked_ms = 0; worked_ms < busy_ms;) {
    held.indexOf(0);
    const { user, system } = process.cpuUsage(begin);
    worked_ms = (user + system) / 1000;
  }
  child?.send({ busy_ms });
  if (child === undefined) process.send?.('done');
});
process.on('disconnect', () => {
  process.exit();
});
