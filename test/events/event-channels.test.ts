import { readFileSync } from 'node:fs';
import path from 'node:path';
import { channel } from 'node:diagnostics_channel';
import { expect, test } from '@jest/globals';
import { EVENT_CHANNELS, isWatched, publish, subscribe } from '../../src/events/event-channels.ts';
import type { ServerEvent } from '../../src/events/server-event.ts';

const stopped = (server: string, cutOff = 0): ServerEvent => ({ type: 'server.stopped', server, cutOff });
const fail = (error: unknown): never => {
  throw error;
};

test('a subscriber gets the events of its server and of its types, until it ends', () => {
  const got: ServerEvent[] = [];
  const take = (event: ServerEvent): void => {
    got.push(event);
  };
  const end = subscribe('s-a', { 'server.stopped': take, 'config.needs-restart': take }, fail);
  publish(stopped('s-a', 1));
  publish(stopped('s-b', 2));
  publish({ type: 'server.stop-overdue', server: 's-a', sessions: 1 });
  publish({ type: 'config.needs-restart', server: 's-a', setting: 'listen' });
  end();
  publish(stopped('s-a', 3));
  expect(got).toEqual([stopped('s-a', 1), { type: 'config.needs-restart', server: 's-a', setting: 'listen' }]);
});

test('a subscriber that throws harms neither the publisher nor the others', () => {
  const errors: unknown[] = [];
  const got: number[] = [];
  const broken = new Error('broken');
  const ends = [
    subscribe('s-a', { 'server.stopped': () => fail(broken) }, (error) => errors.push(error)),
    subscribe('s-a', { 'server.stopped': ({ cutOff }) => got.push(cutOff) }, fail),
  ];
  publish(stopped('s-a', 7));
  for (const end of ends) end();
  expect(errors).toEqual([broken]);
  expect(got).toEqual([7]);
});

test('a type is watched while somebody subscribes to it, and no other is', () => {
  expect(isWatched('sftp.request')).toBe(false);
  const end = subscribe('s-a', { 'sftp.request': () => undefined }, fail);
  expect(isWatched('sftp.request')).toBe(true);
  expect(isWatched('sftp.action')).toBe(false);
  end();
  expect(isWatched('sftp.request')).toBe(false);
});

test('the channels have the names of their types, and others may subscribe by them', () => {
  for (const [type, own] of Object.entries(EVENT_CHANNELS)) {
    expect(own).toBe(channel(`latticeport:${type}`));
  }
});

test('docs/events.md describes every channel, and no other', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/events.md'), 'utf8');
  const described = [...text.matchAll(/^### `latticeport:([\w.-]+)`$/gm)].map(([, type]) => type);
  expect(described).toEqual(Object.keys(EVENT_CHANNELS));
});
