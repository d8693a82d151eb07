import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as management from '../../src/management/limits.ts';
import * as operations from '../../src/management/operations/limits.ts';
import * as state from '../../src/state/limits.ts';
import * as auth from '../../src/auth/limits.ts';
import { configJsonSchema } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import * as connection from '../../src/connection/limits.ts';
import * as negotiation from '../../src/negotiation/limits.ts';
import * as server from '../../src/server/limits.ts';
import { s3Options } from '../../src/server/stores/s3.ts';
import * as sftp from '../../src/sftp/limits.ts';
import * as local from '../../src/storage/local/limits.ts';
import * as s3 from '../../src/storage/s3/limits.ts';
import { resolveOptions } from '../../src/storage/s3/s3-options.ts';
import { MAX_OBJECT_BYTES, MAX_PART_BYTES, MIN_PART_BYTES } from '../../src/storage/s3/upload/part-plan.ts';
import * as telemetry from '../../src/telemetry/limits.ts';
import * as tls from '../../src/tls/limits.ts';
import * as transport from '../../src/transport/limits.ts';

interface Limit {
  readonly least?: number;
  readonly most: number;
  readonly default: number;
}

/** Where the configuration has each limit that can be set. */
const SETTINGS: Readonly<Record<string, Limit>> = {
  'auth.maxAttempts': auth.MAX_ATTEMPTS,
  'auth.loginGraceSeconds': server.LOGIN_GRACE_SECONDS,
  'insistence.waitSeconds': transport.INSISTENCE_WAIT_SECONDS,
  'rekey.bytes': transport.REKEY_BYTES,
  'rekey.seconds': transport.REKEY_SECONDS,
  'limits.connections': server.CONNECTIONS,
  'limits.unauthenticatedConnections': server.UNAUTHENTICATED_CONNECTIONS,
  'limits.connectionsPerUser': server.CONNECTIONS_PER_USER,
  'limits.connectionsPerSecondPerSource': server.CONNECTIONS_PER_SECOND_PER_SOURCE,
  'limits.rekeysPerMinute': transport.REKEYS_PER_MINUTE,
  'limits.sessionsPerConnection': connection.SESSIONS_PER_CONNECTION,
  'limits.openFilesPerSession': sftp.OPEN_FILES_PER_SESSION,
  'limits.idleSeconds': server.IDLE_SECONDS,
  'limits.keepaliveSeconds': server.KEEPALIVE_SECONDS,
  'limits.unansweredKeepalives': server.UNANSWERED_KEEPALIVES,
  'limits.requestsInFlight': sftp.REQUESTS_IN_FLIGHT,
  'limits.readBytesPerConnection': sftp.READ_BYTES_PER_CONNECTION,
  'limits.writeBytesInFlight': sftp.WRITE_BYTES_IN_FLIGHT,
  workers: server.WORKERS,
  'shutdown.drainSeconds': server.DRAIN_SECONDS,
  'storage:local.maxSparseBytes': local.MAX_SPARSE_BYTES,
  'storage:s3.partBytes': s3.PART_BYTES,
  'storage:s3.partsInFlight': s3.PARTS_IN_FLIGHT,
  'storage:s3.uploadBudgetBytes': s3.UPLOAD_BUDGET_BYTES,
  'storage:s3.readAheadBytes': s3.READ_AHEAD_BYTES,
  'storage:s3.readAheadInFlight': s3.READ_AHEAD_IN_FLIGHT,
  'storage:s3.readAheadBudgetBytes': s3.READ_AHEAD_BUDGET_BYTES,
  'storage:s3.spoolMaxBytes': s3.SPOOL_MAX_BYTES,
  'storage:s3.maxSparseBytes': s3.MAX_SPARSE_BYTES,
  'storage:s3.renameMaxEntries': s3.RENAME_MAX_ENTRIES,
  'storage:s3.renameConcurrency': s3.RENAME_CONCURRENCY,
  'management.roles[].assumeRole.durationSeconds': s3.ASSUMED_ROLE_SECONDS,
};

/** Every room that has a limits.ts: sftp/extensions/limits.ts is the extension of that name. */
const ROOMS: Readonly<Record<string, object>> = {
  'auth/limits.ts': auth,
  'connection/limits.ts': connection,
  'management/limits.ts': management,
  'management/operations/limits.ts': operations,
  'state/limits.ts': state,
  'negotiation/limits.ts': negotiation,
  'server/limits.ts': server,
  'sftp/limits.ts': sftp,
  'storage/local/limits.ts': local,
  'storage/s3/limits.ts': s3,
  'telemetry/limits.ts': telemetry,
  'tls/limits.ts': tls,
  'transport/limits.ts': transport,
};

/** Defaults that bound nothing: words, switches, addresses, empty lists. */
const NO_LIMITS = [
  'auth.banner',
  'auth.methods',
  'auth.revokedKeys',
  'auth.trustedUserCaKeys',
  'deniedNetworks',
  'fips',
  'hostCertificates',
  'insistence.exceptFrom',
  'listen.host',
  'listen.port',
  'listen.proxyProtocol.mode',
  'listen.proxyProtocol.networks',
  'listen.proxyProtocol.versions',
  'log.format',
  'log.level',
  'management.account',
  'management.listen.host',
  'management.listen.port',
  'management.listen.tls.hosts',
  'management.listen.tls.postQuantum',
  'management.region',
  'management.roles[].assumeRole',
  'management.roles[].permissions',
  'management.servers.host',
  'management.servers.proxyNetworks',
  'management.servers.ports.from',
  'management.servers.ports.to',
  'management.state',
  'management.state:sqlite.file',
  'metrics.host',
  'metrics.port',
  'metrics.tls.postQuantum',
  'policyDirectories',
  'postQuantum',
  'reload.endRevokedSessions',
  'reload.watch',
  'requirePostQuantum',
  'requirePostQuantumKey',
  'securityPolicy',
  'storage:local.fsync',
  'storage:local.hardlinks',
  'storage:local.owners',
  'storage:local.partialUploads',
  'storage:local.symlinks',
  'storage:memory.owners',
  'storage:memory.partialUploads',
  'storage:s3.listTimes',
  'storage:s3.owners',
  'storage:s3.partialUploads',
  'storage:s3.prefix',
  'storage:s3.region',
  'storage:s3.requestChecksumCalculation',
  'storage:s3.responseChecksumValidation',
  'storage:s3.setStat',
  'storage:s3.tls.postQuantum',
  'users[].deniedNetworks',
  'users[].disabled',
  'users[].homeDirectoryMappings',
  'users[].homeDirectoryMappings[].readOnly',
  'users[].homeDirectoryType',
  'users[].permissions',
  'users[].publicKeys',
  'users[].trustedCaKeys',
];

interface SchemaNode {
  readonly default?: unknown;
  readonly const?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Every node of the schema that has a default of its own, by its path. */
function defaultsOf(node: SchemaNode, path = ''): [string, SchemaNode][] {
  const found: [string, SchemaNode][] = [];
  // Sections are `{}` where they are left out: what they have then stands below.
  if ('default' in node && node.properties === undefined) found.push([path, node]);
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    found.push(...defaultsOf(inner, path === '' ? name : `${path}.${name}`));
  }
  if (node.items !== undefined) found.push(...defaultsOf(node.items, `${path}[]`));
  for (const choice of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) {
    const type = choice.properties?.['type']?.const;
    found.push(...defaultsOf(choice, typeof type === 'string' ? `${path}:${type}` : path));
  }
  return found;
}

const defaults = new Map(defaultsOf(configJsonSchema()));

const isLimit = (value: unknown): value is Limit =>
  typeof value === 'object' && value !== null && 'most' in value && 'default' in value;

test('every default of the schema is the limit of a room, or is no limit', () => {
  expect([...defaults.keys()].sort()).toEqual([...Object.keys(SETTINGS), ...NO_LIMITS].sort());
  const numbers = [...defaults].filter(([, node]) => typeof node.default === 'number').map(([path]) => path);
  expect(numbers.filter((path) => NO_LIMITS.includes(path))).toEqual([
    'listen.port',
    'metrics.port',
    'management.listen.port',
    'management.servers.ports.from',
    'management.servers.ports.to',
  ]);
});

test.each(Object.entries(SETTINGS))('%s has the range and the default that its room states', (path, limit) => {
  const node = defaults.get(path);
  const ranges = [node, ...(node?.anyOf ?? [])];
  expect(node?.default).toBe(limit.default);
  expect(ranges.find((range) => range?.maximum !== undefined)?.maximum).toBe(limit.most);
  if (limit.least === undefined) expect(node?.exclusiveMinimum).toBe(0);
  else expect(ranges.find((range) => range?.minimum !== undefined)?.minimum).toBe(limit.least);
  expect(limit.default).toBeGreaterThanOrEqual(limit.least ?? Number.MIN_VALUE);
  expect(limit.default).toBeLessThanOrEqual(limit.most);
});

test('every limit of a room that has a range can be set, and no room was overlooked', () => {
  const source = new URL('../../src/', import.meta.url);
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(^|\/)limits\.ts$/.test(file),
  );
  expect(files.filter((file) => !file.startsWith('sftp/extensions/')).sort()).toEqual(Object.keys(ROOMS).sort());
  const settable = new Set<unknown>(Object.values(SETTINGS));
  for (const [file, room] of Object.entries(ROOMS)) {
    const unset = Object.entries(room).filter(([, value]) => isLimit(value) && !settable.has(value));
    expect([file, unset.map(([name]) => name)]).toEqual([file, []]);
  }
});

test('a store that is opened without options is the one that is configured without settings', () => {
  const { storage } = configSchema.parse({ hostKeys: ['x'], storage: { type: 's3', bucket: 'some-bucket' } });
  if (storage.type !== 's3') throw new Error('not s3');
  const least = { bucket: storage.bucket, region: storage.region };
  const events = (): void => undefined;
  expect(resolveOptions(s3Options(storage, events))).toEqual(resolveOptions({ ...least, events }));
});

test('a session that is given no limits has those that are configured without settings', () => {
  const { limits } = configSchema.parse({ hostKeys: ['x'], storage: { type: 'memory' } });
  expect(sftp.DEFAULT_SFTP_LIMITS).toMatchObject({
    requestsInFlight: limits.requestsInFlight,
    writeBytesInFlight: limits.writeBytesInFlight,
    openHandles: limits.openFilesPerSession,
  });
});

test('limits that state the same fact in two rooms agree', () => {
  expect([s3.PART_BYTES.least, s3.PART_BYTES.most]).toEqual([MIN_PART_BYTES, MAX_PART_BYTES]);
  expect(s3.MAX_SPARSE_BYTES.most).toBe(MAX_OBJECT_BYTES);
  expect(sftp.WRITE_BYTES_IN_FLIGHT.default).toBe(connection.MAX_WINDOW_BYTES);
  expect(sftp.READ_BYTES_PER_CONNECTION.least).toBeGreaterThanOrEqual(sftp.MAX_READ_BYTES);
});
