import { test } from '@jest/globals';
import { API_CLIENTS } from './api-clients.ts';
import { playOperatorsDay } from './play-operators-day.ts';

// Those that are programs take seconds for each call: operators-day.long.test.ts.
for (const client of API_CLIENTS.filter(({ peer }) => peer === null)) {
  test(`an operator's day with ${client.name}, against the built server`, () => playOperatorsDay(client), 120_000);
}
