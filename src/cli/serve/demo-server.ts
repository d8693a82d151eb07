import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { ManagementConfig } from '../../config/schema.ts';
import { generatePrivateKeyOffLoop, parsePrivateKey } from '../../crypto/keys/private-key.ts';
import { putNewAccessKey } from '../../management/access-keys.ts';
import { Arns } from '../../management/operations/arns.ts';
import {
  auditedAccessKey,
  auditedHostKey,
  auditedServer,
  auditedUser,
  differences,
} from '../../management/operations/audit-values.ts';
import { newId } from '../../management/operations/ids.ts';
import { withKey } from '../../management/operations/public-key-bodies.ts';
import { newServerSettings } from '../../management/operations/server-settings.ts';
import { padded } from '../../server/managed/file-server.ts';
import { HOST_KEY_TYPES } from '../../server/managed/managed-servers.ts';
import { LATTICEPORT, type AccessKeyRecord, type ServerRecord, type UserRecord } from '../../state/records.ts';
import type { Draft, StateSnapshot, StateStore, StateTransaction } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';
import { DEMO_DATA, demoPublicKey, oldHostKeys, type Demo } from './first-start.ts';
import { listenError } from './listen-error.ts';

export const DEMO_USER = 'demo';
export const DEMO_HOME = `/${DEMO_DATA}/${DEMO_USER}`;

/** So the demo's access key is described. It says that the server was made, also where somebody has deleted that one. */
const MADE = /^demo (s-[0-9a-f]{17})$/;
/** So it was described by versions whose demo was described by the embedded configuration. */
const OLD_KEY = 'demo';
/** Of one that takes the place of a key that somebody has deleted. */
const LATER_KEY = 'demo: access key';

/** A process sees what another has written within 0.2 seconds; a machine that is busy may take longer. */
const MADE_ELSEWHERE_MS = 10_000;

/** What the demo has made of the state. The server may be gone: then its operator wants it so. */
export interface DemoRecords {
  readonly serverId: string | null;
  readonly accessKey: Draft<AccessKeyRecord>;
}

/**
 * The demo's server, host keys, user and access key as records of the state: made at the first start, in one change, and
 * then changed by their operator only, but for a port that is asked for. A demo of an older version becomes one of these,
 * with its host keys and user.
 * @throws CliError for a port that cannot be opened, StateUnavailable
 */
export async function demoRecords(demo: Demo, management: ManagementConfig, state: StateStore): Promise<DemoRecords> {
  const arns = new Arns(management.region, management.account);
  if (isUnmade(state.snapshot.revision, state.snapshot.accessKeys.values())) {
    const isMadeHere = await makeDemo(demo, management, state, arns);
    if (!isMadeHere) await madeElsewhere(state);
  } else {
    await takePort(demo, management, state, arns);
  }
  const serverId = madeServer(state.snapshot);
  return { serverId, accessKey: await usableKey(state, serverId) };
}

/** Nothing was ever written, or an older version has made its access key. */
function isUnmade(revision: number, keys: Iterable<AccessKeyRecord>): boolean {
  return revision === 0 || [...keys].some(({ description }) => description === OLD_KEY);
}

/** @returns false where another process was faster */
async function makeDemo(demo: Demo, { servers }: ManagementConfig, state: StateStore, arns: Arns): Promise<boolean> {
  const asked = demo.askedPort ?? demo.defaultPort;
  checkUnused(state.snapshot, asked, null);
  const port = await openable(servers.host, asked);
  const publicKey = demoPublicKey(demo);
  const hostKeys = await hostKeysOf(demo);
  return state.change(LATTICEPORT, async (transaction) => {
    const accessKeys = await transaction.accessKeys();
    if (!isUnmade(transaction.revision - 1, accessKeys)) return false;
    const createdAt = Date.now();
    const settings = newServerSettings({ ProtocolDetails: { SftpPorts: [{ SftpPort: port }] } });
    const tags = [{ Key: 'latticeport:comment', Value: 'made by the first start' }];
    const server = { serverId: newId('s'), createdAt, wanted: 'ONLINE', port, settings, tags } as const;
    await transaction.putServer(server);
    const stored = [];
    for (const [index, privateKey] of hostKeys.entries()) {
      // Their order stays in their dates.
      const record = hostKeyRecord(server.serverId, privateKey, createdAt + index);
      await transaction.putHostKey(record);
      stored.push(auditedHostKey(record));
    }
    const after = { ...auditedServer(server), HostKeys: stored };
    transaction.audit({ operation: 'CreateServer', resource: arns.server(server.serverId), before: null, after });
    await makeUser(transaction, server.serverId, publicKey, createdAt, arns);
    await markMade(transaction, server.serverId, accessKeys, createdAt);
    return true;
  });
}

/** Resolves once the snapshot shows what another process has made. @throws CliError where it does not */
async function madeElsewhere(state: StateStore): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<null>();
  const look = ({ revision, accessKeys }: StateSnapshot): void => {
    if (!isUnmade(revision, accessKeys.values())) resolve(null);
  };
  const unsubscribe = state.onSnapshot(look);
  const timer = setTimeout(() => {
    reject(new CliError('another process has made the demo, and the state does not show it: start again'));
  }, MADE_ELSEWHERE_MS);
  look(state.snapshot);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
  }
}

/** The user sees `data/demo` as its root. */
async function makeUser(
  transaction: StateTransaction,
  serverId: string,
  publicKey: string,
  createdAt: number,
  arns: Arns,
): Promise<void> {
  const user: Draft<UserRecord> = {
    ...{ serverId, userName: DEMO_USER, createdAt, tags: [] },
    settings: {
      Role: 'arn:aws:iam::000000000000:role/demo',
      HomeDirectoryType: 'LOGICAL',
      HomeDirectoryMappings: [{ Entry: '/', Target: DEMO_HOME }],
    },
    keys: withKey([], publicKey, createdAt),
  };
  await transaction.putUser(user);
  const resource = arns.user(serverId, DEMO_USER);
  transaction.audit({ operation: 'CreateUser', resource, before: null, after: auditedUser(user) });
}

/** From now on the state says that the demo was made. The access keys of an older version go on. */
async function markMade(
  transaction: StateTransaction,
  serverId: string,
  accessKeys: readonly AccessKeyRecord[],
  now: number,
): Promise<void> {
  const description = `demo ${serverId}`;
  const old = accessKeys.filter((key) => key.description === OLD_KEY);
  for (const key of old) {
    const marked = { ...key, description };
    await transaction.putAccessKey(marked);
    const changes = differences(auditedAccessKey(key), auditedAccessKey(marked));
    transaction.audit({
      operation: 'UpdateAccessKey',
      resource: key.accessKeyId,
      before: null,
      after: null,
      ...changes,
    });
  }
  if (old.length === 0) await putNewAccessKey(transaction, { role: 'admin', description }, now);
}

async function hostKeysOf(demo: Demo): Promise<readonly string[]> {
  const old = oldHostKeys(demo);
  if (old.length > 0) return old;
  const made = HOST_KEY_TYPES.map((type) => generatePrivateKeyOffLoop(type, undefined, 'latticeport host key'));
  return (await Promise.all(made)).map(({ privateKey }) => privateKey);
}

function hostKeyRecord(serverId: string, privateKey: string, importedAt: number) {
  const { type, fingerprint } = parsePrivateKey(privateKey).publicKey;
  return {
    ...{ serverId, hostKeyId: newId('hostkey'), importedAt, privateKey, type },
    ...{ fingerprint: padded(fingerprint), description: null, tags: [] },
  };
}

/** The server that was made, whether it is there or not; null where the key that knew it is gone. */
function madeServer({ accessKeys }: StateSnapshot): string | null {
  for (const { description } of accessKeys.values()) {
    const [, serverId] = MADE.exec(description ?? '') ?? [];
    if (serverId !== undefined) return serverId;
  }
  return null;
}

/** An access key to print: the one that was made, or another where that one is gone or disabled. */
async function usableKey(state: StateStore, serverId: string | null): Promise<Draft<AccessKeyRecord>> {
  const keys = [...state.snapshot.accessKeys.values()];
  const usable = keys.find(
    ({ description, disabled }) => !disabled && (MADE.test(description ?? '') || description === LATER_KEY),
  );
  const description = serverId === null ? LATER_KEY : `demo ${serverId}`;
  return (
    usable ??
    state.change(LATTICEPORT, (transaction) => putNewAccessKey(transaction, { role: 'admin', description }, Date.now()))
  );
}

/** The server listens on the port that is asked for from now on; where none is, on the one that it has. */
async function takePort(demo: Demo, { servers }: ManagementConfig, state: StateStore, arns: Arns): Promise<void> {
  const serverId = madeServer(state.snapshot);
  const server = serverId === null ? undefined : state.snapshot.servers.get(serverId);
  if (server === undefined || (server.wanted === 'OFFLINE' && demo.askedPort === undefined)) return;
  const { askedPort = server.port } = demo;
  checkUnused(state.snapshot, askedPort, server.serverId);
  const port = await openable(servers.host, askedPort);
  if (port === server.port) return;
  await state.change(LATTICEPORT, async (transaction) => {
    const now = await transaction.server(server.serverId);
    if (now !== null) await putPort(transaction, now, port, arns);
  });
}

/** No server of the API listens yet: which ports they have the state says. */
function checkUnused({ servers }: StateSnapshot, port: number, serverId: string | null): void {
  const holder = [...servers.values()].find((other) => other.port === port && other.serverId !== serverId);
  if (holder === undefined) return;
  throw new CliError(`port ${port} is that of the server ${holder.serverId}: choose another with --port`);
}

async function putPort(transaction: StateTransaction, server: ServerRecord, port: number, arns: Arns): Promise<void> {
  const { ProtocolDetails } = server.settings;
  const settings = { ...server.settings, ProtocolDetails: { ...ProtocolDetails, SftpPorts: [{ SftpPort: port }] } };
  const changed = { ...server, port, settings };
  const changes = differences(auditedServer(server), auditedServer(changed));
  if (changes === null) return;
  await transaction.putServer(changed);
  transaction.audit({ operation: 'UpdateServer', resource: arns.server(server.serverId), ...changes });
}

/**
 * The port, or the one that the system picks for 0. A server of the state whose port is in use waits for it; somebody who
 * tries the demo is told at once. @throws CliError where it cannot be opened
 */
async function openable(host: string, port: number): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ host, port, exclusive: true });
    await once(probe, 'listening');
    return (probe.address() as AddressInfo).port;
  } catch (error) {
    throw listenError(error, { host, port }) ?? error;
  } finally {
    probe.close();
  }
}
