import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { ApiError, type ExceptionName } from '../../../src/management/api-error.ts';
import type { Caller, Operations } from '../../../src/management/operation.ts';
import { createOperations } from '../../../src/management/operations/operations.ts';
import {
  SettingRefused,
  type FileServer,
  type ServerControl,
  type ServerState,
} from '../../../src/management/server-control.ts';
import { loadPolicies } from '../../../src/policy/catalogue.ts';
import type { AuditRecord, Tag } from '../../../src/state/records.ts';
import type { StateStore } from '../../../src/state/state-store.ts';
import { MemoryState } from './memory-state.ts';

export const ROLE = 'arn:aws:iam::000000000000:role/transfer';
export const FIRST_PORT = 2200;
const LAST_PORT = 2220;

const policies = loadPolicies(['security-policies']);

/** A node as the operations see it: it opens every port at once, unless it is told to fail. */
export class TestControl implements ServerControl {
  fileServer: FileServer | null = null;
  /** The ids of servers whose ports do not open. */
  readonly failing = new Set<string>();
  failAll = false;
  readonly waited: string[] = [];
  /** How often this node was asked what it has open. */
  reports = 0;
  readonly #store: StateStore;
  readonly #states = new Map<string, ServerState>();

  constructor(store: StateStore) {
    this.#store = store;
  }

  stateOf(serverId: string): ServerState {
    if (this.fileServer?.serverId === serverId) return 'ONLINE';
    return this.#states.get(serverId) ?? 'STARTING';
  }

  settled(serverId: string): Promise<void> {
    this.waited.push(serverId);
    const server = this.#store.snapshot.servers.get(serverId);
    const fails = server?.wanted === 'ONLINE' && (this.failAll || this.failing.has(serverId));
    if (server === undefined) this.#states.delete(serverId);
    else this.#states.set(serverId, fails ? 'START_FAILED' : server.wanted);
    return Promise.resolve();
  }

  freePort(snapshot: StateStore['snapshot']): number {
    const taken = new Set([...snapshot.servers.values()].map(({ port }) => port));
    for (let port = FIRST_PORT; port <= LAST_PORT; port += 1) if (!taken.has(port)) return port;
    throw new SettingRefused('ProtocolDetails.SftpPorts', 'all ports of the range are taken');
  }

  checkServer(...[settings, hostKeys]: Parameters<ServerControl['checkServer']>): void {
    const { SecurityPolicyName = '', EndpointType, Protocols = [] } = settings;
    if (policies.get(SecurityPolicyName) === undefined)
      throw new SettingRefused('SecurityPolicyName', 'no such policy');
    if (EndpointType === 'VPC_ENDPOINT') throw new SettingRefused('EndpointType', 'not supported by Latticeport');
    if (Protocols.join() !== 'SFTP') throw new SettingRefused('Protocols', 'not supported by Latticeport: FTP');
    if (hostKeys.length === 0) throw new SettingRefused('HostKey', 'no host key');
  }

  checkUser({ settings, tags }: Parameters<ServerControl['checkUser']>[0]): void {
    if (settings.Role?.endsWith('/unknown') === true) throw new SettingRefused('Role', 'no storage has this role');
    const wrong = tags.find(({ Key, Value }) => Key === 'latticeport:disabled' && !['true', 'false'].includes(Value));
    if (wrong !== undefined) throw new SettingRefused('Tags', `${wrong.Key}: expected true or false`);
  }

  inspectHostKey(privateKey: string) {
    try {
      const { publicKey } = parsePrivateKey(privateKey);
      return { type: publicKey.type, fingerprint: `${publicKey.fingerprint}=` };
    } catch (error) {
      if (error instanceof KeyFormatError) throw new SettingRefused('HostKey', 'is no private key');
      throw error;
    }
  }

  makeHostKeys(): Promise<readonly string[]> {
    return Promise.resolve([newPrivateKey('ed25519'), newPrivateKey('ecdsa-256')]);
  }

  reportSessions(): Promise<void> {
    this.reports += 1;
    return Promise.resolve();
  }
}

export function newPrivateKey(type: 'ed25519' | 'ecdsa-256' = 'ed25519'): string {
  return generatePrivateKey(type, undefined, 'host').privateKey;
}

/** One line as in authorized_keys. */
export function newPublicKey(comment = 'somebody@example'): string {
  return generatePrivateKey('ed25519', undefined, comment).publicKey;
}

export interface Installation {
  readonly operations: Operations;
  readonly control: TestControl;
  readonly store: StateStore;
  /** The newest record of the trail. */
  readonly lastAudit: () => Promise<AuditRecord | undefined>;
}

export function newInstallation(store: StateStore = new MemoryState()): Installation {
  const control = new TestControl(store);
  const operations = createOperations({
    store,
    control,
    policies,
    region: 'us-east-1',
    account: '000000000000',
    now: Date.now,
  });
  return {
    operations,
    control,
    store,
    lastAudit: async () => (await store.auditTrail({ limit: 1 }))[0],
  };
}

export function callerWith(serverTag: Tag | null = null): Caller {
  return {
    accessKey: {
      accessKeyId: 'LPAKAAAAAAAAAAAAAAAA',
      secretAccessKey: 'the secret of the caller',
      role: 'admin',
      serverTag,
      description: null,
      createdAt: 0,
      disabled: false,
      revision: 1,
    },
    author: { accessKeyId: 'LPAKAAAAAAAAAAAAAAAA', remoteAddress: '192.0.2.7' },
  };
}

export const ADMIN = callerWith();

/** What the call is refused with. Fails where it is not refused. */
export async function refusalOf(call: () => Promise<unknown>): Promise<ApiError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('the call was not refused');
}

/** What a refusal looks like to a client. */
export async function refused(
  call: () => Promise<unknown>,
): Promise<{ exception: ExceptionName; message: string; members: Readonly<Record<string, string>> }> {
  const { exception, message, members } = await refusalOf(call);
  return { exception, message, members };
}

export async function newServer({ operations }: Installation, input = {}): Promise<string> {
  const { ServerId = '' } = await operations.CreateServer(input, ADMIN);
  return ServerId;
}

export async function newUser({ operations }: Installation, ServerId: string, input = {}): Promise<string> {
  const UserName = 'partner-1';
  await operations.CreateUser({ ServerId, UserName, Role: ROLE, ...input }, ADMIN);
  return UserName;
}
