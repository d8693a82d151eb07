// A process that opens a state and says how long that took and what the snapshot takes in memory.
//   usage: node --expose-gc opener-process.ts SETTINGS(JSON)
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import { secretBox } from './sample-records.ts';

const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const before = heap();
const [begun, cpu] = [performance.now(), process.cpuUsage()];
const store = await openState(JSON.parse(process.argv[2] ?? '') as StateSettings, secretBox());
const milliseconds = Math.round(performance.now() - begun);
const { user: userTime, system } = process.cpuUsage(cpu);
const cpuMilliseconds = Math.round((userTime + system) / 1000);
const bytes = heap() - before;
const users = [...store.snapshot.users.values()].flatMap((ofServer) => [...ofServer.values()]);
const keys = users.reduce((sum, user) => sum + user.keys.length, 0);
process.stdout.write(`${JSON.stringify({ users: users.length, keys, milliseconds, cpuMilliseconds, bytes })}\n`);
await store.close();
