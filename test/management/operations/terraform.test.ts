import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { OperationTypes } from '../../../src/management/operation.ts';
import { ADMIN, newInstallation, newPrivateKey, newPublicKey, refused, ROLE } from './test-installation.ts';

/**
 * What Terraform does after each change: it reads the resource back, and every member that was sent has to be equal, or its
 * plans are never empty. Members that are sent empty are read back as empty or not at all: Terraform takes both for the same.
 */

const role = fc.constantFrom(ROLE, 'arn:aws:iam::000000000000:role/path/other');
const tags = fc.uniqueArray(
  fc.record({ Key: fc.stringMatching(/^[a-z]{1,8}$/), Value: fc.string({ maxLength: 20 }) }),
  { selector: ({ Key }) => Key, minLength: 1, maxLength: 5 },
);
const banner = fc.stringMatching(/^[\t -~]{0,40}$/);
const workflow = fc.record({ WorkflowId: fc.constant('w-0123456789abcdefg'), ExecutionRole: role });
const optional = { requiredKeys: [] };

const serverMembers = {
  SecurityPolicyName: fc.constantFrom('TransferSecurityPolicy-2024-01', 'TransferPQSecurityPolicy-Required-2026-11'),
  LoggingRole: fc.oneof(role, fc.constant('')),
  PreAuthenticationLoginBanner: banner,
  PostAuthenticationLoginBanner: banner,
  Protocols: fc.constant<'SFTP'[]>(['SFTP']),
  StructuredLogDestinations: fc.constantFrom<string[][]>([], ['arn:aws:logs:us-east-1:000000000000:log-group:g:*']),
  S3StorageOptions: fc.record({
    DirectoryListingOptimization: fc.constantFrom('ENABLED' as const, 'DISABLED' as const),
  }),
  WorkflowDetails: fc.record({
    OnUpload: fc.array(workflow, { maxLength: 1 }),
    OnPartialUpload: fc.array(workflow, { maxLength: 1 }),
  }),
  ProtocolDetails: fc.record(
    {
      PassiveIp: fc.constantFrom('AUTO', '192.0.2.1'),
      TlsSessionResumptionMode: fc.constantFrom('ENABLED' as const, 'ENFORCED' as const),
      SetStatOption: fc.constantFrom('DEFAULT' as const, 'ENABLE_NO_OP' as const),
    },
    optional,
  ),
  IpAddressType: fc.constantFrom('IPV4' as const, 'DUALSTACK' as const),
};
const mappings = fc.uniqueArray(
  fc.record(
    {
      Entry: fc.stringMatching(/^\/[a-z]{1,8}$/),
      Target: fc.stringMatching(/^\/bucket(\/[a-z]{1,5}){0,2}$/),
      Type: fc.constantFrom('FILE' as const, 'DIRECTORY' as const),
    },
    { requiredKeys: ['Entry', 'Target'] },
  ),
  { selector: ({ Entry }) => Entry, minLength: 1, maxLength: 4 },
);
const posix = fc.record(
  { Uid: fc.nat(), Gid: fc.nat(), SecondaryGids: fc.array(fc.nat(), { maxLength: 16 }) },
  { requiredKeys: ['Uid', 'Gid'] },
);
const policy = fc.constantFrom('', '{"Version":"2012-10-17","Statement":[]}');
const userMembers = fc.oneof(
  fc.record(
    {
      Role: role,
      HomeDirectoryType: fc.constant('PATH' as const),
      HomeDirectory: fc.constantFrom('', '/bucket/home'),
      Policy: policy,
      PosixProfile: posix,
    },
    { requiredKeys: ['Role', 'HomeDirectoryType'] },
  ),
  fc.record(
    {
      Role: role,
      HomeDirectoryType: fc.constant('LOGICAL' as const),
      HomeDirectoryMappings: mappings,
      HomeDirectory: fc.constantFrom('', '/'),
      Policy: policy,
      PosixProfile: posix,
    },
    { requiredKeys: ['Role', 'HomeDirectoryType', 'HomeDirectoryMappings'] },
  ),
);

/** Empty texts and lists as Terraform sees them: as not there. */
function seen(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(seen);
  if (typeof value !== 'object' || value === null) return value === '' ? undefined : value;
  const members = Object.entries(value)
    .map(([name, member]) => [name, seen(member)] as const)
    .filter(([, member]) => member !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** Whatever is sent comes back; other members may be there. */
function expectRead(read: object | undefined, sent: object): void {
  const expected = seen(sent);
  if (typeof expected === 'object' && expected !== null) expect(seen(read)).toMatchObject(expected);
  // What was sent empty is not there at all, or empty.
  for (const [name, value] of Object.entries(sent)) {
    if (seen(value) === undefined && name !== 'ProtocolDetails') {
      expect(seen(Object.entries(read ?? {}).find(([member]) => member === name)?.[1])).toBeUndefined();
    }
  }
}

test('a server: create, read, update, read, tag, read, delete, read', async () => {
  const { operations } = newInstallation();
  const create = fc.record({ ...serverMembers, Domain: fc.constant('S3' as const), Tags: tags }, optional);
  await fc.assert(
    fc.asyncProperty(create, fc.record(serverMembers, optional), tags, async (sent, change, young) => {
      const { ServerId = '' } = await operations.CreateServer(sent, ADMIN);
      const read = async () => (await operations.DescribeServer({ ServerId }, ADMIN)).Server;
      expectRead(await read(), sent);
      await operations.StopServer({ ServerId }, ADMIN);
      await operations.UpdateServer({ ServerId, ...change }, ADMIN);
      await operations.StartServer({ ServerId }, ADMIN);
      expectRead(await read(), change);
      const { ProtocolDetails: _p, WorkflowDetails: _w, ...rest } = { ...sent, ...change };
      expectRead(await read(), rest);

      const Arn = (await read())?.Arn;
      const old = (sent.Tags ?? []).map(({ Key }) => Key);
      if (old.length > 0) await operations.UntagResource({ Arn, TagKeys: old }, ADMIN);
      await operations.TagResource({ Arn, Tags: young }, ADMIN);
      expect((await read())?.Tags).toEqual(young);

      await operations.DeleteServer({ ServerId }, ADMIN);
      expect((await refused(read)).exception).toBe('ResourceNotFoundException');
    }),
    { numRuns: 60 },
  );
});

test('a user with keys: create, read, update, read, delete, read', async () => {
  const { operations } = newInstallation();
  const { ServerId } = await operations.CreateServer({}, ADMIN);
  const UserName = 'terraform';
  const body = newPublicKey();
  await fc.assert(
    fc.asyncProperty(userMembers, userMembers, fc.option(tags, { nil: undefined }), async (sent, change, Tags) => {
      await operations.CreateUser({ ServerId, UserName, ...sent, Tags }, ADMIN);
      const read = async () => (await operations.DescribeUser({ ServerId, UserName }, ADMIN)).User;
      expectRead(await read(), { ...sent, Tags });

      // The key is found by its id, with a body that is not empty.
      const { SshPublicKeyId } = await operations.ImportSshPublicKey(
        { ServerId, UserName, SshPublicKeyBody: body },
        ADMIN,
      );
      expect(
        (await read())?.SshPublicKeys?.find((key) => key.SshPublicKeyId === SshPublicKeyId)?.SshPublicKeyBody,
      ).toBe(body);

      const update: OperationTypes['UpdateUser'][0] = { ServerId, UserName, ...change };
      // A home of the type before would lie outside of the mappings: Terraform sends what is configured, empty or not.
      await operations.UpdateUser({ HomeDirectory: '', ...update }, ADMIN);
      expectRead(await read(), change);
      expect((await read())?.SshPublicKeys).toHaveLength(1);

      await operations.DeleteUser({ ServerId, UserName }, ADMIN);
      expect((await refused(read)).exception).toBe('ResourceNotFoundException');
    }),
    { numRuns: 60 },
  );
});

test('a host key: import, read, update, read, delete, read', async () => {
  const { operations } = newInstallation();
  const { ServerId } = await operations.CreateServer({}, ADMIN);
  const HostKeyBody = newPrivateKey();
  const description = fc.stringMatching(/^[ -~]{0,40}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.record({ Description: description, Tags: tags }, optional),
      description,
      async (sent, Description) => {
        const { HostKeyId } = await operations.ImportHostKey({ ServerId, HostKeyBody, ...sent }, ADMIN);
        const read = async () => (await operations.DescribeHostKey({ ServerId, HostKeyId }, ADMIN)).HostKey;
        expectRead(await read(), sent);
        await operations.UpdateHostKey({ ServerId, HostKeyId, Description }, ADMIN);
        expectRead(await read(), { ...sent, Description });
        await operations.DeleteHostKey({ ServerId, HostKeyId }, ADMIN);
        expect((await refused(read)).exception).toBe('ResourceNotFoundException');
      },
    ),
    { numRuns: 40 },
  );
});

test('another type of endpoint: stop, update, start', async () => {
  const { operations } = newInstallation();
  const { ServerId } = await operations.CreateServer({}, ADMIN);
  const change = { EndpointType: 'VPC' as const, EndpointDetails: { VpcId: 'vpc-1', SubnetIds: ['subnet-1'] } };
  await operations.StopServer({ ServerId }, ADMIN);
  await operations.UpdateServer({ ServerId, ...change }, ADMIN);
  await operations.UpdateServer(
    { ServerId, EndpointDetails: { ...change.EndpointDetails, AddressAllocationIds: ['a'] } },
    ADMIN,
  );
  await operations.StartServer({ ServerId }, ADMIN);
  const { Server } = await operations.DescribeServer({ ServerId }, ADMIN);
  expect(Server).toMatchObject({ ...change, State: 'ONLINE' });
  expect(Server?.EndpointDetails?.AddressAllocationIds).toEqual(['a']);
});
