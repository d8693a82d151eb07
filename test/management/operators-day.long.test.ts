import { test } from '@jest/globals';
import { missingPeer } from '../peers/peers.ts';
import { API_CLIENTS } from './api-clients.ts';
import { playOperatorsDay } from './play-operators-day.ts';

for (const client of API_CLIENTS) {
  if (client.peer === null) continue;
  const missing = missingPeer(client.peer);
  const name = `an operator's day with ${client.name}, against the built server`;
  if (missing === null) test(name, () => playOperatorsDay(client), 400_000);
  else test.skip(`${name} (${missing})`, () => undefined);
}
