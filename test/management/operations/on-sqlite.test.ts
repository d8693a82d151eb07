import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccessKey } from '../../../src/management/access-keys.ts';
import { openState } from '../../../src/state/open-state.ts';
import { loadSecretBox, makeSecretKeyFile } from '../../../src/state/secret-keys.ts';
import type { StateStore } from '../../../src/state/state-store.ts';
import {
  ADMIN,
  FIRST_PORT,
  newInstallation,
  newPrivateKey,
  newPublicKey,
  newServer,
  ROLE,
} from './test-installation.ts';

/** The operations on the real state: what the double in memory promises for it. */

let directory = '';
const opened: StateStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-operations-'));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(directory, { recursive: true });
});

async function node() {
  const keyFile = join(directory, 'secrets', 'state.key');
  makeSecretKeyFile(keyFile);
  const file = join(directory, 'state', 'latticeport.db');
  const store = await openState({ type: 'sqlite', file }, loadSecretBox({ type: 'file', file: keyFile }));
  opened.push(store);
  return newInstallation(store);
}

test('two nodes that create servers at once get different ports', async () => {
  const nodes = [await node(), await node()];
  await Promise.all(Array.from({ length: 8 }, (_, index) => newServer(nodes[index % 2]!)));
  const last = await nodes[0]!.operations.CreateServer({}, ADMIN);
  const ports = [...nodes[0]!.store.snapshot.servers.values()].map(({ port }) => port).sort();
  expect(ports).toEqual(Array.from({ length: 9 }, (_, index) => FIRST_PORT + index));
  expect(nodes[0]!.store.snapshot.servers.get(last.ServerId ?? '')?.port).toBe(FIRST_PORT + 8);
});

test('what is written is read back by a node that starts later, and holds no secret', async () => {
  const { operations, store } = await node();
  const secrets = [newPrivateKey(), newPrivateKey(), newPrivateKey('ecdsa-256')] as const;
  const Tags = [{ Key: 'team', Value: 'north' }];
  const { ServerId } = await operations.CreateServer({ HostKey: secrets[0], Tags }, ADMIN);
  await operations.ImportHostKey({ ServerId, HostKeyBody: secrets[1], Description: 'old' }, ADMIN);
  const user = {
    ServerId,
    UserName: 'ann',
    Role: ROLE,
    HomeDirectoryType: 'LOGICAL' as const,
    HomeDirectoryMappings: [{ Entry: '/in', Target: '/bucket/in' }],
    PosixProfile: { Uid: 1, Gid: 2 },
  };
  await operations.CreateUser({ ...user, SshPublicKeyBody: newPublicKey() }, ADMIN);
  await operations.CreateAccess({ ServerId, ExternalId: 'S-1-1-12', Role: ROLE }, ADMIN);
  await operations.UpdateServer({ ServerId, HostKey: secrets[2] }, ADMIN);
  const { secretAccessKey } = await createAccessKey(store, ADMIN.author, { role: 'operator' });

  const later = (await node()).operations;
  const { Server } = await operations.DescribeServer({ ServerId }, ADMIN);
  expect((await later.DescribeServer({ ServerId }, ADMIN)).Server).toEqual({ ...Server, State: 'STARTING' });
  for (const read of [
    (each: typeof later) => each.DescribeUser({ ServerId, UserName: 'ann' }, ADMIN),
    (each: typeof later) => each.ListHostKeys({ ServerId }, ADMIN),
    (each: typeof later) => each.DescribeAccess({ ServerId, ExternalId: 'S-1-1-12' }, ADMIN),
  ]) {
    expect(await read(later)).toEqual(await read(operations));
  }
  const trail = await store.auditTrail({ limit: 100 });
  expect(trail.map(({ operation }) => operation)).toEqual([
    'CreateAccessKey',
    'UpdateServer',
    'CreateAccess',
    'CreateUser',
    'ImportHostKey',
    'CreateServer',
  ]);
  const files = join(directory, 'state');
  const bytes = Buffer.concat(readdirSync(files).map((name) => readFileSync(join(files, name))));
  expect(bytes.includes('HomeDirectoryMappings')).toBe(true);
  for (const secret of [...secrets, secretAccessKey]) {
    for (const line of secret.split('\n').filter((each) => each.length > 20 && !each.startsWith('---'))) {
      expect(JSON.stringify(trail)).not.toContain(line);
      expect(bytes.includes(line)).toBe(false);
    }
  }

  await operations.DeleteServer({ ServerId }, ADMIN);
  expect((await operations.ListServers({}, ADMIN)).Servers).toEqual([]);
});
