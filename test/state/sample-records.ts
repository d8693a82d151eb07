// Records as the management API makes them.
import { createSecretKey, randomBytes } from 'node:crypto';
import type {
  AccessKeyRecord,
  AccessRecord,
  Author,
  HostKeyRecord,
  ServerRecord,
  UserRecord,
} from '../../src/state/records.ts';
import { SecretBox } from '../../src/state/secret-box.ts';
import type { Draft, StateSnapshot } from '../../src/state/state-store.ts';

export const AUTHOR: Author = { accessKeyId: 'LPAKABCDEFGH12345678', remoteAddress: '192.0.2.7' };

export function secretBox(...ids: readonly string[]): SecretBox {
  const names = ids.length === 0 ? ['k1'] : ids;
  return new SecretBox(
    names.map((id) => ({ id, key: createSecretKey(Buffer.alloc(32, id)) })),
    'the keys of the test',
  );
}

/** A key that has the id of another one. */
export function otherSecretBox(id: string): SecretBox {
  return new SecretBox([{ id, key: createSecretKey(randomBytes(32)) }], 'the keys of the test');
}

export const serverId = (number: number): string => `s-${number.toString(16).padStart(17, '0')}`;

export function server(number: number, port = 2200 + number): Draft<ServerRecord> {
  return {
    serverId: serverId(number),
    createdAt: 1_790_000_000_000 + number,
    wanted: 'ONLINE',
    port,
    settings: {
      Protocols: ['SFTP'],
      SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
      IdentityProviderType: 'SERVICE_MANAGED',
      ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP', SftpPorts: [{ SftpPort: port }] },
      PreAuthenticationLoginBanner: 'Grüße – "hier"\n',
    },
    tags: [{ Key: 'stage', Value: 'test' }],
  };
}

export function user(ofServer: number, userName: string, keys = 1): Draft<UserRecord> {
  return {
    serverId: serverId(ofServer),
    userName,
    createdAt: 1_790_000_000_123,
    settings: {
      Role: 'arn:aws:iam::000000000000:role/sftp',
      HomeDirectoryType: 'LOGICAL',
      HomeDirectoryMappings: [{ Entry: '/', Target: `/bucket/${userName}`, Type: 'DIRECTORY' }],
      PosixProfile: { Uid: 1000, Gid: 1000, SecondaryGids: [] },
    },
    keys: Array.from({ length: keys }, (_, index) => ({
      keyId: `key-${index.toString(16).padStart(17, '0')}`,
      importedAt: 1_790_000_000_000 + index,
      body: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(42)}${index} ${userName}@example`,
    })),
    tags: [],
  };
}

export function hostKey(ofServer: number, number: number, privateKey = 'a private key'): Draft<HostKeyRecord> {
  return {
    serverId: serverId(ofServer),
    hostKeyId: `hostkey-${number.toString(16).padStart(17, '0')}`,
    importedAt: 1_790_000_000_000,
    description: null,
    type: 'ssh-ed25519',
    fingerprint: 'SHA256:AAAA',
    privateKey,
    tags: [],
  };
}

export function access(ofServer: number, externalId: string): Draft<AccessRecord> {
  return { serverId: serverId(ofServer), externalId, settings: { Role: 'arn:aws:iam::000000000000:role/sftp' } };
}

export function accessKey(accessKeyId: string, secretAccessKey = 'a secret access key'): Draft<AccessKeyRecord> {
  return {
    accessKeyId,
    secretAccessKey,
    role: 'admin',
    serverTag: null,
    description: 'for the test',
    createdAt: 1_790_000_000_000,
    disabled: false,
  };
}

/** A snapshot as plain values, so that two can be compared. */
export function contentOf({ servers, users, hostKeys, accesses, accessKeys, revision }: StateSnapshot): unknown {
  const sorted = (map: ReadonlyMap<string, unknown>): unknown[] =>
    [...map]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, value instanceof Map ? sorted(value) : value]);
  return { revision, maps: [servers, users, hostKeys, accesses, accessKeys].map(sorted) };
}
