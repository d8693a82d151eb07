import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ASSUMED_ROLE_SECONDS } from '../storage/s3/limits.ts';
import { apiListenerTls } from './listener-tls.ts';
import { networks } from './networks.ts';

const listen = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  port: z.int().min(0).max(65535).default(8122).describe('TCP port; 0 lets the system pick one.'),
  tls: apiListenerTls,
});

const ports = z
  .strictObject({
    from: z.int().min(1).max(65535).default(2300),
    to: z.int().min(1).max(65535).default(2399),
  })
  .refine(({ from, to }) => from <= to, { path: ['to'], error: 'expected a port that is not below "from"' });

const state = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('sqlite'),
    file: z.string().min(1).default('state/latticeport.db').describe('Made when it is not there.'),
  }),
  z.strictObject({
    type: z.literal('postgresql'),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'expected a URL such as postgresql://latticeport@db.example.com/latticeport')
      .describe('Of the database, as libpq has it.'),
  }),
]);

/** As IAM has them, with `*` for any text. */
const roleArn = z.string().regex(/^arn:[^\s]*role\/\S+$/, 'expected an ARN such as arn:aws:iam::000000000000:role/*');

const host = z
  .string()
  .min(1)
  .refine(
    (address) => isIPv4(address) || isIPv6(address) || /^[\w.-]+$/.test(address),
    'expected an address or a name',
  );

const assumeRole = z
  .union(
    [
      z.boolean(),
      z.strictObject({
        endpoint: z
          .url({ protocol: /^https?$/, error: 'expected a URL such as https://sts.example.com' })
          .optional()
          .describe('Of STS. Default: that of the storage; where it has none, the one of AWS.'),
        region: z.string().min(1).optional().describe('Of STS. Default: that of the storage.'),
        externalId: z
          .string()
          .regex(/^[\w+=,.@:/-]{2,1224}$/, 'expected 2 to 1224 characters of letters, digits and _+=,.@:/-')
          .optional(),
        durationSeconds: z
          .int()
          .min(ASSUMED_ROLE_SECONDS.least)
          .max(ASSUMED_ROLE_SECONDS.most)
          .default(ASSUMED_ROLE_SECONDS.default)
          .describe('How long credentials last; they are renewed before.'),
      }),
    ],
    { error: 'expected true, false, or an object with "endpoint", "region", "externalId", "durationSeconds"' },
  )
  .default(false);

/**
 * The section `management`: what belongs to the machine of servers that the management API makes. `storage` and `permissions`
 * are as in the rest of the configuration.
 */
export function managementSchema<Storage extends z.ZodType, Permissions extends z.ZodType>(
  storage: Storage,
  permissions: Permissions,
  isS3: (storage: z.output<Storage>) => boolean,
) {
  const role = z.strictObject({
    arn: roleArn.describe('The "Role" of users; * stands for any text. The first entry that fits counts.'),
    buckets: z
      .union([z.literal('*'), z.array(z.string().min(1)).min(1)], { error: 'expected "*" or a list of "storages"' })
      .describe('Names of "storages" that its users may have in their homes; *: all.'),
    permissions,
    assumeRole: assumeRole.describe(
      'true: S3 is asked with credentials of STS AssumeRole for the Role, with the session policy of the user.',
    ),
  });
  return z
    .strictObject({
      listen: listen.prefault({}).describe('Where the management API is served.'),
      region: z
        .string()
        .regex(/^[a-z0-9-]{1,40}$/, 'expected a name such as us-east-1')
        .default('us-east-1')
        .describe('In the ARNs of servers and users.'),
      account: z
        .string()
        .regex(/^\d{12}$/, 'expected 12 digits')
        .default('000000000000')
        .describe('In the ARNs of servers and users.'),
      state: state.prefault({ type: 'sqlite' }).describe('Where servers, users, keys and access keys are kept.'),
      secretKeyFile: z
        .string()
        .min(1)
        .optional()
        .describe(
          'The keys with which the secrets of the state are encrypted, one a line. Made when it is not there: keep a copy. ' +
            'Default: state/secret.key.',
        ),
      secretKeyEnvironment: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable, such as LATTICEPORT_STATE_KEYS')
        .optional()
        .describe('The variable of the environment that holds the lines of "secretKeyFile", instead of that file.'),
      servers: z
        .strictObject({
          host: host.default('0.0.0.0').describe('Address that servers listen on.'),
          ports: ports.prefault({}).describe('Of servers that name no port of their own.'),
          proxyNetworks: networks
            .default([])
            .describe('Where the balancers are whose headers servers with PROXY_PROTOCOL_V2_ENFORCED believe.'),
        })
        .prefault({}),
      storages: z
        .record(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, 'expected a name like that of a bucket'), storage)
        .refine((storages) => Object.keys(storages).length > 0, 'expected at least one storage')
        .describe('By the first name of a home directory: "/invoices/alice" is "alice" in the storage "invoices".'),
      roles: z.array(role).min(1).describe('What the "Role" of a user gives it.'),
    })
    .superRefine(({ storages, roles, secretKeyFile, secretKeyEnvironment }, context) => {
      if (secretKeyFile !== undefined && secretKeyEnvironment !== undefined) {
        const message = 'the keys are in a file or in the environment: take away this or "secretKeyFile"';
        context.addIssue({ code: 'custom', path: ['secretKeyEnvironment'], message });
      }
      roles.forEach(({ buckets, assumeRole: assumes }, index) => {
        const names: readonly string[] = buckets === '*' ? Object.keys(storages) : buckets;
        const other = names.find((name) => {
          const settings = storages[name];
          return settings !== undefined && !isS3(settings);
        });
        if (assumes !== false && other !== undefined) {
          const message = `needs storages of type "s3", and ${JSON.stringify(other)} is none`;
          context.addIssue({ code: 'custom', path: ['roles', index, 'assumeRole'], message });
        }
        if (buckets === '*') return;
        buckets.forEach((bucket, at) => {
          if (Object.hasOwn(storages, bucket)) return;
          const message = `${JSON.stringify(bucket)} is not among "storages"`;
          context.addIssue({ code: 'custom', path: ['roles', index, 'buckets', at], message });
        });
      });
    });
}
