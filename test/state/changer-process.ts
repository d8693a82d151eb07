// A process that changes the state again and again, for tests that kill it and tests that run several.
//   usage: changer-process.ts SETTINGS(JSON) NAME COUNT
// Each change adds one to the first server's port and makes a user NAME-n. It says "acknowledged NAME-n" after each, and "done".
import { setImmediate as turn } from 'node:timers/promises';
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import { AUTHOR, secretBox, server, serverId, user } from './sample-records.ts';

const [settings = '', name = '', count = ''] = process.argv.slice(2);
const store = await openState(JSON.parse(settings) as StateSettings, secretBox());
for (let number = 1; number <= Number(count); number += 1) {
  const userName = `${name}-${number}`;
  await store.change(AUTHOR, async (state) => {
    const record = (await state.server(serverId(1))) ?? server(1, 0);
    await state.putServer({ ...record, port: record.port + 1 });
    await turn();
    await state.putUser(user(1, userName, 2));
    state.audit({ operation: 'CreateUser', resource: userName, before: null, after: {} });
  });
  process.stdout.write(`acknowledged ${userName}\n`);
}
await store.close();
process.stdout.write('done\n');
