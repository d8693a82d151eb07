// The records that a first start makes, and what later starts leave of them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { demoRecords, type DemoRecords } from '../../../src/cli/serve/demo-server.ts';
import { demoText } from '../../../src/cli/serve/demo-text.ts';
import { firstStart, type Demo } from '../../../src/cli/serve/first-start.ts';
import { openManagedState } from '../../../src/cli/state/open-managed-state.ts';
import { stateSecrets } from '../../../src/cli/state/state-secrets.ts';
import type { ManagementConfig } from '../../../src/config/schema.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { createAccessKey, deleteAccessKey, disableAccessKey } from '../../../src/management/access-keys.ts';
import type { ServerState } from '../../../src/management/server-control.ts';
import { LATTICEPORT, type ServerRecord } from '../../../src/state/records.ts';
import type { StateStore } from '../../../src/state/state-store.ts';

let folder: string;
const open: StateStore[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-demo-'));
});

afterEach(async () => {
  await stopped();
  rmSync(folder, { recursive: true });
});

async function stopped(): Promise<void> {
  for (const state of open.splice(0)) await state.close();
}

interface Started extends DemoRecords {
  readonly demo: Demo;
  readonly state: StateStore;
}

function managementOf({ loaded }: Demo): ManagementConfig {
  const { management } = loaded.config;
  if (management === undefined) throw new Error('no section');
  return management;
}

async function openState(demo: Demo): Promise<StateStore> {
  const management = managementOf(demo);
  const state = await openManagedState(management, stateSecrets(demo.loaded.file, management));
  open.push(state);
  return state;
}

/** A start, after the process before has ended. */
async function start(port?: number): Promise<Started> {
  await stopped();
  const demo = firstStart(folder, port);
  const state = await openState(demo);
  return { ...(await demoRecords(demo, managementOf(demo), state)), demo, state };
}

function serverOf({ serverId, state }: Started): ServerRecord {
  const server = state.snapshot.servers.get(serverId ?? '');
  if (server === undefined) throw new Error('no server');
  return server;
}

function fingerprints({ serverId, state }: Started): string[] {
  const keys = [...(state.snapshot.hostKeys.get(serverId ?? '')?.values() ?? [])];
  return keys.sort((one, other) => one.importedAt - other.importedAt).map(({ fingerprint }) => fingerprint);
}

function userKeys({ serverId, state }: Started): string[] {
  return (
    state.snapshot.users
      .get(serverId ?? '')
      ?.get('demo')
      ?.keys.map(({ body }) => body) ?? []
  );
}

function text(started: Started, state: ServerState = 'ONLINE'): string {
  const { demo, serverId, accessKey } = started;
  const { snapshot } = started.state;
  const record = snapshot.servers.get(serverId ?? '');
  const server = record === undefined ? null : { record, state, host: '127.0.0.1' };
  return demoText(demo, server, snapshot, { url: 'http://127.0.0.1:8122', region: 'us-east-1', accessKey });
}

describe('a first start', () => {
  test('makes a server with host keys, a user and an access key, in one change', async () => {
    const made = await start(0);
    const { snapshot } = made.state;
    expect(snapshot.revision).toBe(1);
    const { port, settings, wanted } = serverOf(made);
    expect(wanted).toBe('ONLINE');
    expect(settings).toMatchObject({
      SecurityPolicyName: 'TransferPQSecurityPolicy-2026-11',
      ProtocolDetails: { SftpPorts: [{ SftpPort: port }] },
    });
    expect(fingerprints(made)).toHaveLength(4);
    expect(userKeys(made)).toEqual([readFileSync(path.join(folder, 'keys/demo_key.pub'), 'utf8').trim()]);
    expect([...snapshot.accessKeys.keys()]).toEqual([made.accessKey.accessKeyId]);
    const trail = await made.state.auditTrail({ limit: 10 });
    expect(trail.map(({ operation }) => operation).toSorted()).toEqual([
      'CreateAccessKey',
      'CreateServer',
      'CreateUser',
    ]);
  });

  test('prints what to try', async () => {
    const made = await start(0);
    const { port } = serverOf(made);
    expect(text(made)).toContain(
      `sftp -P ${port} -i keys/demo_key -o UserKnownHostsFile=keys/known_hosts demo@127.0.0.1\n`,
    );
    const [line = ''] = readFileSync(path.join(folder, 'keys/known_hosts'), 'utf8').split('\n');
    expect(line).toMatch(new RegExp(`^\\[127.0.0.1\\]:${port} ssh-ed25519 AAAA`));
  });

  test('goes on where one was killed before the change, with its key pair', async () => {
    const key = generatePrivateKey('ed25519', undefined, 'latticeport demo user');
    mkdirSync(path.join(folder, 'keys'));
    writeFileSync(path.join(folder, 'keys/demo_key'), key.privateKey, { mode: 0o600 });
    await openState(firstStart(folder, 0));
    const made = await start(0);
    expect(userKeys(made)).toEqual([key.publicKey.trim()]);
  });

  test('of two processes at once makes one server', async () => {
    const demo = firstStart(folder, 0);
    const states = [await openState(demo), await openState(demo)];
    const made = await Promise.all(states.map((state) => demoRecords(demo, managementOf(demo), state)));
    expect(new Set(made.map(({ serverId }) => serverId)).size).toBe(1);
    expect(states[0]?.snapshot.servers.size).toBe(1);
  });

  test('with a port in use writes nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      await expect(start(port)).rejects.toThrow('in use');
      expect(open[0]?.snapshot.revision).toBe(0);
    } finally {
      other.close();
    }
  });
});

describe('a later start', () => {
  test('changes nothing', async () => {
    const first = await start(0);
    const before = [serverOf(first).port, fingerprints(first), userKeys(first), first.accessKey.accessKeyId];
    const second = await start();
    expect([serverOf(second).port, fingerprints(second), userKeys(second), second.accessKey.accessKeyId]).toEqual(
      before,
    );
    expect(second.state.snapshot.revision).toBe(1);
  });

  test('keeps what the operator has changed', async () => {
    const first = await start(0);
    const server = serverOf(first);
    await first.state.change(LATTICEPORT, async (state) => {
      await state.putServer({ ...server, settings: { ...server.settings, PreAuthenticationLoginBanner: 'hello' } });
      await state.deleteUser(server.serverId, 'demo');
    });
    const second = await start();
    expect(serverOf(second).settings.PreAuthenticationLoginBanner).toBe('hello');
    expect(userKeys(second)).toEqual([]);
    const said = text(second);
    expect(said).toContain('or is gone');
    expect(said).toContain(' USER@127.0.0.1\n');
  });

  test('without the file of the key says so, and makes no other', async () => {
    await start(0);
    unlinkSync(path.join(folder, 'keys/demo_key'));
    expect(text(await start())).toContain('has another key now than keys/demo_key');
  });

  test('does not bring back a server that was deleted', async () => {
    const first = await start(0);
    await first.state.change(LATTICEPORT, (state) => state.deleteServer(serverOf(first).serverId));
    for (const port of [undefined, 0]) {
      const again = await start(port);
      expect(again.state.snapshot.servers.size).toBe(0);
      expect(text(again)).toContain('The demo server is deleted.\n');
    }
  });

  test('leaves a stopped server stopped, and says how it is started', async () => {
    const first = await start(0);
    await first.state.change(LATTICEPORT, (state) => state.putServer({ ...serverOf(first), wanted: 'OFFLINE' }));
    const second = await start();
    const { serverId, wanted } = serverOf(second);
    expect(wanted).toBe('OFFLINE');
    const said = text(second, 'OFFLINE');
    expect(said).toContain(`aws transfer start-server --server-id ${serverId} --endpoint-url http://127.0.0.1:8122\n`);
    expect(said).not.toContain('sftp -P');
    const moved = serverOf(await start(0));
    expect(moved).toMatchObject({ serverId, wanted: 'OFFLINE' });
    expect(moved.port).not.toBe(serverOf(first).port);
  });

  test('takes the port that is asked for, and keeps it', async () => {
    const before = serverOf(await start(0)).port;
    const asked = await start(0);
    const { port, settings } = serverOf(asked);
    expect(port).not.toBe(before);
    expect(settings.ProtocolDetails).toMatchObject({ SetStatOption: 'DEFAULT', SftpPorts: [{ SftpPort: port }] });
    expect(serverOf(await start()).port).toBe(port);
  });

  test('does not take the port of another server', async () => {
    const first = await start(0);
    const other = { ...serverOf(first), serverId: 's-0123456789abcdef0', port: 2345 };
    await first.state.change(LATTICEPORT, (state) => state.putServer(other));
    await expect(start(2345)).rejects.toThrow('port 2345 is that of the server s-0123456789abcdef0: choose another');
  });

  test('has another access key where the one before is disabled or deleted', async () => {
    const first = await start(0);
    await disableAccessKey(first.state, LATTICEPORT, first.accessKey.accessKeyId);
    const second = await start();
    expect(second.accessKey.accessKeyId).not.toBe(first.accessKey.accessKeyId);
    expect(second.serverId).toBe(first.serverId);
    for (const { accessKeyId } of [first.accessKey, second.accessKey]) {
      await deleteAccessKey(second.state, LATTICEPORT, accessKeyId);
    }
    // No key says any more which server it was. None is made a second time.
    const [third, fourth] = [await start(), await start()];
    expect(third.accessKey).toMatchObject({ accessKeyId: fourth.accessKey.accessKeyId, role: 'admin' });
    expect(fourth.state.snapshot.servers.size).toBe(1);
  });
});

test('a demo of an older version goes on with its host keys, its user and its access key', async () => {
  mkdirSync(path.join(folder, 'keys'));
  const old = (['ed25519', 'ecdsa-256'] as const).map((type) => generatePrivateKey(type, undefined, 'old'));
  const [ed25519, ecdsa] = old;
  const user = generatePrivateKey('ed25519', undefined, 'latticeport demo user');
  writeFileSync(path.join(folder, 'keys/ssh_host_ed25519_key'), ed25519?.privateKey ?? '', { mode: 0o600 });
  writeFileSync(path.join(folder, 'keys/ssh_host_ecdsa_key'), ecdsa?.privateKey ?? '', { mode: 0o600 });
  writeFileSync(path.join(folder, 'keys/demo_key'), user.privateKey, { mode: 0o600 });
  const state = await openState(firstStart(folder, 0));
  const { accessKeyId } = await createAccessKey(state, LATTICEPORT, { role: 'admin', description: 'demo' });

  const started = await start(0);
  const expected = old.map(({ privateKey }) => `${parsePrivateKey(privateKey).publicKey.fingerprint}=`);
  expect(fingerprints(started)).toEqual(expected);
  expect(userKeys(started)).toEqual([user.publicKey.trim()]);
  expect(started.accessKey.accessKeyId).toBe(accessKeyId);
  expect(started.state.snapshot.accessKeys.size).toBe(1);

  await started.state.change(LATTICEPORT, (transaction) => transaction.deleteServer(serverOf(started).serverId));
  expect((await start()).state.snapshot.servers.size).toBe(0);
});
