import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import path from 'node:path';
import type { UserConfig } from '../../config/schema.ts';
import type { FileServer } from '../../management/server-control.ts';
import type { UserRecord } from '../../state/records.ts';
import type { PreparedConfig } from '../prepared-config.ts';

/** The id of the server that a configuration file describes: the same at every start from that file. */
export function fileServerId(file: string): string {
  return `s-${identifier('server', path.resolve(file))}`;
}

/** The server of a configuration file as the API shows it. `account`: of the ARN that stands for its users' role. */
export function describeFileServer(prepared: PreparedConfig, account: string): FileServer {
  const { file, config } = prepared.loaded;
  const serverId = fileServerId(file);
  const createdAt = Math.floor(writtenAt(file) ?? config.hostKeys.map(writtenAt)[0] ?? 0);
  return {
    serverId,
    file,
    server: {
      ...{ serverId, createdAt, wanted: 'ONLINE', port: config.listen.port, tags: [], revision: 0 },
      settings: {
        Domain: 'S3',
        EndpointType: 'PUBLIC',
        IdentityProviderType: 'SERVICE_MANAGED',
        Protocols: ['SFTP'],
        SecurityPolicyName: config.securityPolicy,
        ...(config.auth.banner === '' ? {} : { PreAuthenticationLoginBanner: config.auth.banner }),
      },
    },
    users: config.users.map((user) => recordOf(user, serverId, createdAt, account)),
    hostKeys: prepared.hostKeys.map(({ publicKey: { type, fingerprint } }) => ({
      ...{ type, fingerprint: padded(fingerprint) },
      hostKeyId: `hostkey-${identifier(serverId, fingerprint)}`,
    })),
  };
}

/** `SHA256:…` with the padding that the API shows and OpenSSH leaves out. */
export function padded(fingerprint: string): string {
  return fingerprint.endsWith('=') ? fingerprint : `${fingerprint}=`;
}

function recordOf(user: UserConfig, serverId: string, createdAt: number, account: string): UserRecord {
  const isPath = user.homeDirectoryType === 'PATH';
  return {
    ...{ serverId, userName: user.name, createdAt, revision: 0 },
    settings: {
      Role: `arn:aws:iam::${account}:role/configuration-file`,
      HomeDirectoryType: user.homeDirectoryType,
      HomeDirectory: user.home,
      ...(isPath
        ? {}
        : {
            HomeDirectoryMappings: user.homeDirectoryMappings.map(({ entry, target }) => ({
              Entry: entry,
              Target: target,
            })),
          }),
    },
    keys: user.publicKeys.map((body) => ({
      keyId: `key-${identifier(serverId, user.name, body)}`,
      importedAt: createdAt,
      body,
    })),
    tags: user.disabled ? [{ Key: 'latticeport:disabled', Value: 'true' }] : [],
  };
}

/** Milliseconds since the epoch; undefined where there is no such file. */
function writtenAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** 17 hexadecimal digits. */
function identifier(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 17);
}
