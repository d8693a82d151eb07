// What happens to the connections: cut, silent, refused.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openState } from '../../src/state/open-state.ts';
import { StateUnavailable, type StateStore } from '../../src/state/state-store.ts';
import { missingPeer } from '../peers/peers.ts';
import { postgresPlace } from './postgresql-place.ts';
import { AUTHOR, secretBox, server, serverId } from './sample-records.ts';
import { whenReachable, whenSnapshot } from './when.ts';

/** Stands before the server's socket, and can stop to pass anything on. */
class SilentProxy {
  readonly directory = mkdtempSync(join(tmpdir(), 'lp-px-'));
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer({ pauseOnConnect: true }, (client) => {
    const server = connect(join(this.#target, '.s.PGSQL.5432'));
    this.#sockets.add(client);
    this.#sockets.add(server);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (bytes) => this.#silent || server.write(bytes));
    server.on('data', (bytes) => this.#silent || client.write(bytes));
    client.resume();
  });
  readonly #target: string;
  #silent = false;

  constructor(target: string) {
    this.#target = target;
  }

  async begin(): Promise<void> {
    this.#server.listen(join(this.directory, '.s.PGSQL.5432'));
    await once(this.#server, 'listening');
  }

  set silent(silent: boolean) {
    this.#silent = silent;
  }

  end(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.directory, { recursive: true });
  }
}

const missing = missingPeer('postgresql');

(missing === null ? describe : describe.skip)(`connections to ${missing ?? 'postgresql'}`, () => {
  const place = postgresPlace();
  const opened: StateStore[] = [];
  const open = async (url: string): Promise<StateStore> => {
    const store = await openState({ type: 'postgresql', url }, secretBox());
    opened.push(store);
    return store;
  };
  beforeAll(() => place.begin());
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });
  afterAll(() => place.end());

  test('all of them are cut again and again: nothing is missed, and nothing that was acknowledged is lost', async () => {
    const settings = await place.create();
    const [store, other] = [await open(settings.url), await open(settings.url)];
    const acknowledged: string[] = [];
    for (let number = 1; number <= 30; number += 1) {
      const cut = number % 5 === 0 ? place.disconnect(settings) : null;
      try {
        await store.change(AUTHOR, (state) => state.putServer(server(number)));
        acknowledged.push(serverId(number));
      } catch (error) {
        expect(error).toBeInstanceOf(StateUnavailable);
      }
      await cut;
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(24);
    await Promise.all([whenReachable(store, true), whenReachable(other, true)]);
    // The last one may have failed. This one does not.
    await store.change(AUTHOR, (state) => state.putServer(server(99)));
    const { servers } = await whenSnapshot(other, (snapshot) => snapshot.servers.has(serverId(99)));
    expect([...servers.keys()]).toEqual(expect.arrayContaining(acknowledged));
    expect([...servers.keys()].sort()).toEqual([...store.snapshot.servers.keys()].sort());
  });

  test('a server that answers nothing any more is found, and found again', async () => {
    const settings = await place.create();
    const target = new URLSearchParams(settings.url.slice(settings.url.indexOf('?'))).get('host') ?? '';
    const proxy = new SilentProxy(target);
    await proxy.begin();
    try {
      const store = await open(settings.url.replace(encodeURIComponent(target), encodeURIComponent(proxy.directory)));
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      const gone = whenReachable(store, false);
      proxy.silent = true;
      await gone;
      await expect(store.change(AUTHOR, (state) => state.putServer(server(2)))).rejects.toBeInstanceOf(
        StateUnavailable,
      );
      expect(store.snapshot.servers.size).toBe(1);
      proxy.silent = false;
      await whenReachable(store, true);
      await store.change(AUTHOR, (state) => state.putServer(server(3)));
      expect([...store.snapshot.servers.keys()]).toEqual([serverId(1), serverId(3)]);
      await store.close();
    } finally {
      proxy.end();
    }
  });

  test.each([
    ['another kind of URL', 'https://user:hunter2@host/db'],
    ['no URL', 'host=localhost password=hunter2'],
    ['a port that is none', 'postgresql://user:hunter2@host:none/db'],
    ['nobody there', 'postgresql://user:hunter2@127.0.0.1:1/db'],
  ])('what cannot be connected to is said without the password: %s', async (_, url) => {
    const refused = openState({ type: 'postgresql', url }, secretBox());
    await expect(refused).rejects.toBeInstanceOf(StateUnavailable);
    await expect(refused).rejects.not.toThrow('hunter2');
  });

  test('a database that is not there is named', async () => {
    const { url } = await place.create();
    const elsewhere = url.replace('/postgres?', '/not_there?');
    await expect(openState({ type: 'postgresql', url: elsewhere }, secretBox())).rejects.toThrow(
      'database "not_there" does not exist',
    );
  });
});
