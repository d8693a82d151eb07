import { z } from 'zod';
import { POST_QUANTUM_SETTINGS } from '../policy/post-quantum-setting.ts';
import * as auth from '../auth/limits.ts';
import * as connection from '../connection/limits.ts';
import * as server from '../server/limits.ts';
import * as sftp from '../sftp/limits.ts';
import * as local from '../storage/local/limits.ts';
import * as s3 from '../storage/s3/limits.ts';
import * as transport from '../transport/limits.ts';
import { bucketNameProblem } from './bucket-name.ts';
import { DEFAULT_HOMES, homeProblems } from './home-directories.ts';
import { listenerTls, tlsPostQuantum } from './listener-tls.ts';
import { allowedAndDenied, networks } from './networks.ts';
import { sshListen } from './ssh-listen.ts';
import { managementSchema } from './management-schema.ts';

/** A limit as a room states it in its `limits.ts`, with its reason. */
interface Limit {
  readonly least: number;
  readonly most: number;
  readonly default: number;
}

const whole = ({ least, most, default: preset }: Limit) => z.int().min(least).max(most).default(preset);
const seconds = ({ most, default: preset }: Omit<Limit, 'least'>) => z.number().positive().max(most).default(preset);

const permission = z.enum(['list', 'read', 'write', 'delete', 'rename', 'mkdir', 'setAttributes']);

const mapping = z.strictObject({
  entry: z.string().startsWith('/').describe('Where the user sees it.'),
  target: z.string().startsWith('/').describe('Where it is in the store; ${transfer:UserName} is replaced.'),
  readOnly: z.boolean().default(false),
});

/** Transfer Family's pattern for user names, and shorter ones. */
const userName = z
  .string()
  .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]{0,99}$/u, 'expected 1 to 100 letters, digits, or _ . @ + -');

const requirement = z.union([z.boolean(), z.strictObject({ from: z.iso.date() })], {
  error: 'expected true, false or { "from": "2027-01-31" }',
});

const permissions = z
  .union([z.enum(['read-only', 'read-write']), z.array(permission)], {
    error: `expected "read-only", "read-write" or a list of ${permission.options.map((name) => `"${name}"`).join(', ')}`,
  })
  .default('read-write');

const FROM = 'from: from 00:00 UTC of that date on; before, only say it. A user may have a setting of its own.';

const user = z
  .strictObject({
    name: userName,
    publicKeys: z.array(z.string()).default([]).describe('Lines as in authorized_keys, without options.'),
    trustedCaKeys: z
      .array(z.string())
      .default([])
      .describe('Keys of certificate authorities whose certificates log this user in, like publicKeys.'),
    principals: z
      .array(z.string().min(1).max(256))
      .min(1)
      .optional()
      .describe('Names in certificates that stand for the user. Default: the name of the user.'),
    passwordHash: z.string().optional().describe('Output of "latticeport hash-password".'),
    passwordHashFile: z
      .string()
      .min(1)
      .optional()
      .describe('A file that holds the hash instead, such as a mounted secret.'),
    disabled: z.boolean().default(false).describe('true: may not log in.'),
    ...allowedAndDenied('may this user log in'),
    requirePostQuantum: requirement.optional().describe("This user's own setting instead of the server's."),
    requirePostQuantumKey: requirement.optional().describe("This user's own setting instead of the server's."),
    home: z
      .string()
      .startsWith('/')
      .optional()
      .describe(
        'PATH: the directory of the storage that the user sees as /; default "/${transfer:UserName}", where the variable ' +
          'is replaced; "/" is all of the storage. LOGICAL: where the user starts among its mappings; default "/".',
      ),
    homeDirectoryType: z
      .enum(['PATH', 'LOGICAL'])
      .default('PATH')
      .describe('PATH: home is the root that the user sees. LOGICAL: the mappings are.'),
    homeDirectoryMappings: z.array(mapping).max(2000).default([]),
    permissions,
  })
  .transform((settings) => ({ ...settings, home: settings.home ?? DEFAULT_HOMES[settings.homeDirectoryType] }))
  .superRefine((settings, context) => {
    for (const { path, message } of homeProblems(settings)) context.addIssue({ code: 'custom', path, message });
  });

const revokedKeys = z
  .union([z.string().min(1), z.array(z.string().min(1)).max(100)], { error: 'expected a file or a list of files' })
  .default([])
  .transform((files) => (typeof files === 'string' ? [files] : files));

const owners = z
  .enum(['ignore', 'refuse', 'set'])
  .default('ignore')
  .describe(
    'What becomes of an owner and group that a client names. ignore: the rest of its request is done, so that clients ' +
      'which keep owners (rsync, cp -p on a mount) go on; refuse: permission denied; set: as far as the system allows.',
  );

const localStorage = z.strictObject({
  type: z.literal('local'),
  root: z.string().min(1).describe('A directory; made if it is not there.'),
  fsync: z.enum(['always', 'never']).default('always').describe('Whether CLOSE waits until the disk has the file.'),
  hardlinks: z.boolean().default(true),
  symlinks: z.boolean().default(false),
  owners,
  maxSparseBytes: whole(local.MAX_SPARSE_BYTES).describe(
    'What a file may have of holes: a size set before it is filled, or a write past the end.',
  ),
  partialUploads: z.enum(['store', 'discard']).default('store'),
});

const memoryStorage = z.strictObject({
  type: z.literal('memory').describe('Everything is lost when the server stops: for trying things out.'),
  owners,
  partialUploads: z.enum(['store', 'discard']).default('store'),
});

const storageTls = z
  .strictObject({
    postQuantum: tlsPostQuantum,
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe('Certificates (PEM) of the authorities that are trusted, instead of those that Node knows.'),
    certificateFile: z.string().min(1).optional().describe('Our certificate (PEM), for a store that asks for one.'),
    keyFile: z.string().min(1).optional().describe('The private key (PEM) of "certificateFile".'),
  })
  .superRefine(({ certificateFile, keyFile }, context) => {
    if ((certificateFile === undefined) === (keyFile === undefined)) return;
    const [missing, given] =
      keyFile === undefined ? (['keyFile', 'certificateFile'] as const) : (['certificateFile', 'keyFile'] as const);
    context.addIssue({ code: 'custom', path: [missing], message: `is missing: "${given}" needs it` });
  });

const s3Settings = z.strictObject({
  type: z.literal('s3'),
  bucket: z.string(),
  prefix: z.string().max(900).default('').describe('Put before every key; "" or ending in "/".'),
  region: z.string().min(1).default('us-east-1'),
  endpoint: z.url().optional().describe('For stores other than AWS S3.'),
  tls: storageTls.prefault({}).describe('For https endpoints.'),
  forcePathStyle: z.boolean().optional().describe('Default: true where an endpoint is given.'),
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().optional(),
    })
    .optional()
    .describe("Default: the SDK's chain (environment, shared files, container and instance roles)."),
  requestChecksumCalculation: z.enum(['WHEN_SUPPORTED', 'WHEN_REQUIRED']).default('WHEN_REQUIRED'),
  responseChecksumValidation: z.enum(['WHEN_SUPPORTED', 'WHEN_REQUIRED']).default('WHEN_REQUIRED'),
  partBytes: whole(s3.PART_BYTES),
  partsInFlight: whole(s3.PARTS_IN_FLIGHT).describe(
    'Of each upload, to begin with: it grows up to four times, and up to 48 MiB, where that is faster.',
  ),
  uploadBudgetBytes: whole(s3.UPLOAD_BUDGET_BYTES).describe('Upload buffers of the whole process.'),
  readAheadBytes: whole(s3.READ_AHEAD_BYTES).describe('One ranged GET.'),
  readAheadInFlight: whole(s3.READ_AHEAD_IN_FLIGHT).describe('Of each download, to begin with, as `partsInFlight`.'),
  readAheadBudgetBytes: whole(s3.READ_AHEAD_BUDGET_BYTES).describe('Read-ahead of the whole process.'),
  spoolDirectory: z
    .string()
    .optional()
    .describe('For out-of-order uploads. Default: a private directory in the system temporary one.'),
  spoolMaxBytes: whole(s3.SPOOL_MAX_BYTES),
  maxSparseBytes: whole(s3.MAX_SPARSE_BYTES).describe(
    'Zeros that are stored for one file where its client has left holes or has set a larger size.',
  ),
  owners,
  partialUploads: z.enum(['store', 'discard']).default('store'),
  setStat: z.enum(['store', 'ignore', 'refuse']).default('store'),
  listTimes: z
    .enum(['stored', 'upload'])
    .default('stored')
    .describe('Times of files: those that clients set (a request for each entry not yet known), or of the upload.'),
  renameMaxEntries: whole(s3.RENAME_MAX_ENTRIES).describe('Largest directory that a rename copies.'),
  renameConcurrency: whole(s3.RENAME_CONCURRENCY),
});

export function isPlainHttp(endpoint: string): boolean {
  return /^http:/i.test(endpoint);
}

const s3Storage = s3Settings.superRefine(({ bucket, endpoint, tls }, context) => {
  const message = bucketNameProblem(bucket, endpoint === undefined);
  if (message !== undefined) context.addIssue({ code: 'custom', path: ['bucket'], message });
  if (endpoint === undefined || !isPlainHttp(endpoint)) return;
  const { postQuantum, ...files } = tls;
  const [file] = Object.keys(files);
  const needs = postQuantum === 'require' ? 'tls.postQuantum' : file === undefined ? undefined : `tls.${file}`;
  if (needs === undefined) return;
  const problem = `is plain http, and "${needs}" needs TLS: expected a URL that begins with https:`;
  context.addIssue({ code: 'custom', path: ['endpoint'], message: problem });
});

const storage = z.discriminatedUnion('type', [localStorage, s3Storage, memoryStorage]);

const settings = z.strictObject({
  $schema: z.string().optional(),
  listen: sshListen.prefault({}),
  hostKeys: z.array(z.string().min(1)).min(1).describe('Private key files.'),
  hostCertificates: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Files with certificates of the host keys (KEY-cert.pub): clients that trust their CA know the server by it.',
    ),
  hostKeyPassphraseFile: z
    .string()
    .min(1)
    .optional()
    .describe('A file whose first line is the passphrase of the host keys that are encrypted.'),
  securityPolicy: z.string().min(1).default('TransferPQSecurityPolicy-2026-11'),
  policyDirectories: z.array(z.string().min(1)).default([]).describe('More security policies, one JSON file each.'),
  fips: z
    .enum(['off', 'required'])
    .default('off')
    .describe('required: refuse to start unless OpenSSL is in FIPS mode.'),
  postQuantum: z
    .enum(POST_QUANTUM_SETTINGS)
    .default('insist')
    .describe(
      'offer: the order of the client decides between the methods of the policy. insist: a client that has a post-quantum ' +
        'method gets one, whatever its order. require: classical methods are not listed for anybody.',
    ),
  insistence: z
    .strictObject({
      waitSeconds: seconds(transport.INSISTENCE_WAIT_SECONDS).describe(
        'So long the key exchange message of the client may take until ours goes first, with all methods.',
      ),
      exceptFrom: networks
        .default([])
        .describe('Networks whose clients have their way, as with "offer": "insist" does not hold for them.'),
    })
    .prefault({}),
  requirePostQuantum: requirement
    .default(false)
    .describe(
      `true: refuse a session with a classical key exchange once its credential has been checked, and say what to do. ${FROM}`,
    ),
  requirePostQuantumKey: requirement
    .default(false)
    .describe(
      'true: refuse a login by a password or a classical key once the credential has been checked, and say what to do. ' +
        FROM,
    ),
  ...allowedAndDenied('may clients connect'),
  storage,
  users: z.array(user).default([]),
  auth: z
    .strictObject({
      methods: z
        .array(z.enum(['publickey', 'password']))
        .min(1)
        .default(['publickey', 'password']),
      trustedUserCaKeys: z
        .array(z.string())
        .default([])
        .describe('Keys of certificate authorities whose certificates log any user in: lines as in authorized_keys.'),
      maxAttempts: whole(auth.MAX_ATTEMPTS),
      loginGraceSeconds: seconds(server.LOGIN_GRACE_SECONDS),
      banner: z.string().max(4096).default('').describe('Shown before authentication.'),
      revokedKeys: revokedKeys.describe(
        'Files of keys with which nobody may log in: KRLs of OpenSSH, or lines of public keys and SHA256: fingerprints. ' +
          'They are read again when they change.',
      ),
    })
    .prefault({}),
  rekey: z
    .strictObject({
      bytes: whole(transport.REKEY_BYTES),
      seconds: seconds(transport.REKEY_SECONDS),
    })
    .prefault({}),
  limits: z
    .strictObject({
      connections: whole(server.CONNECTIONS),
      unauthenticatedConnections: whole(server.UNAUTHENTICATED_CONNECTIONS),
      connectionsPerUser: whole(server.CONNECTIONS_PER_USER).describe(
        'Connections of one user that are logged in, in all workers together.',
      ),
      connectionsPerSecondPerSource: z
        .number()
        .min(server.CONNECTIONS_PER_SECOND_PER_SOURCE.least)
        .max(server.CONNECTIONS_PER_SECOND_PER_SOURCE.most)
        .default(server.CONNECTIONS_PER_SECOND_PER_SOURCE.default)
        .describe('Faster ones wait before the banner, then are closed; 0: no limit.'),
      rekeysPerMinute: whole(transport.REKEYS_PER_MINUTE).describe(
        'Key exchanges that the client of a connection may begin; faster ones wait.',
      ),
      sessionsPerConnection: whole(connection.SESSIONS_PER_CONNECTION),
      openFilesPerSession: whole(sftp.OPEN_FILES_PER_SESSION),
      idleSeconds: seconds(server.IDLE_SECONDS),
      keepaliveSeconds: seconds(server.KEEPALIVE_SECONDS),
      unansweredKeepalives: whole(server.UNANSWERED_KEEPALIVES),
      requestsInFlight: whole(sftp.REQUESTS_IN_FLIGHT).describe('SFTP requests being worked on, a session.'),
      readBytesPerConnection: whole(sftp.READ_BYTES_PER_CONNECTION).describe(
        'Answers that are asked for and not sent, all sessions of a connection together.',
      ),
      writeBytesInFlight: whole(sftp.WRITE_BYTES_IN_FLIGHT).describe('Write data being stored, a session.'),
    })
    .prefault({}),
  workers: z
    .union([z.int().min(server.WORKERS.least).max(server.WORKERS.most), z.literal('auto')], {
      error: `expected a number from ${server.WORKERS.least} to ${server.WORKERS.most}, or "auto"`,
    })
    .default(server.WORKERS.default)
    .describe('Processes that share the port; auto: one a core. Memory settings are for each of them.'),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
      port: z.int().min(0).max(65535).default(9464).describe('TCP port; 0 lets the system pick one.'),
      tls: listenerTls,
    })
    .optional()
    .describe('Where /metrics, /healthz and /readyz are served over HTTP, or HTTPS. Default: nowhere.'),
  reload: z
    .strictObject({
      watch: z
        .boolean()
        .default(false)
        .describe('Read the configuration again, as on SIGHUP, when it or a file that it names has changed.'),
      endRevokedSessions: z
        .boolean()
        .default(true)
        .describe('End the sessions of users that are gone or disabled, or whose key or password is gone.'),
    })
    .prefault({}),
  shutdown: z.strictObject({ drainSeconds: seconds(server.DRAIN_SECONDS) }).prefault({}),
  management: managementSchema(storage, permissions, ({ type }) => type === 's3')
    .optional()
    .describe('Servers and users that are made while it runs, by the management API. Default: none.'),
});

/** Every address of the machine, in either family. */
const ANY_HOST: readonly string[] = ['0.0.0.0', '::'];

export const configSchema = settings
  .refine(
    ({ listen: ssh, metrics }) =>
      metrics === undefined ||
      metrics.port === 0 ||
      metrics.port !== ssh.port ||
      (![metrics.host, ...ANY_HOST].includes(ssh.host) && !ANY_HOST.includes(metrics.host)),
    { path: ['metrics', 'port'], error: 'expected another port than that of "listen"' },
  )
  .refine(({ management, workers }) => management === undefined || workers === 1, {
    path: ['workers'],
    error:
      'expected 1: servers of "management" are served by one process; more of them, on one PostgreSQL, share the work',
  });

export type Config = z.output<typeof configSchema>;
export type UserConfig = Config['users'][number];
export type StorageConfig = Config['storage'];
export type S3StorageConfig = Extract<StorageConfig, { type: 's3' }>;
export type MetricsConfig = NonNullable<Config['metrics']>;
export type ManagementConfig = NonNullable<Config['management']>;
/** What becomes of an owner and group that a client names. */
export type OwnersSetting = StorageConfig['owners'];
