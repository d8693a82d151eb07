import { describe, expect, test } from '@jest/globals';
import { ADMIN, callerWith, newInstallation, newServer, newUser, refused, ROLE } from './test-installation.ts';

const PREFIX = 'arn:aws:transfer:us-east-1:000000000000';

async function installationWithUser() {
  const installation = newInstallation();
  const ServerId = await newServer(installation);
  const UserName = await newUser(installation, ServerId);
  const { HostKeys } = await installation.operations.ListHostKeys({ ServerId }, ADMIN);
  const arns = {
    server: `${PREFIX}:server/${ServerId}`,
    user: `${PREFIX}:user/${ServerId}/${UserName}`,
    hostKey: HostKeys?.[0]?.Arn ?? '',
  };
  return { ...installation, ServerId, UserName, arns };
}

describe('tags', () => {
  test.each(['server', 'user', 'hostKey'] as const)('of a %s come, are replaced, and go', async (kind) => {
    const { operations, arns } = await installationWithUser();
    const Arn = arns[kind];
    const list = async () => (await operations.ListTagsForResource({ Arn }, ADMIN)).Tags;
    const tag = (Key: string, Value: string) => ({ Key, Value });
    expect(await operations.TagResource({ Arn, Tags: [tag('b', '1'), tag('a', '1')] }, ADMIN)).toBeNull();
    await operations.TagResource({ Arn, Tags: [tag('b', '2'), tag('latticeport:comment', 'of Ann')] }, ADMIN);
    expect(await list()).toEqual([tag('a', '1'), tag('b', '2'), tag('latticeport:comment', 'of Ann')]);
    const page = await operations.ListTagsForResource({ Arn, MaxResults: 2 }, ADMIN);
    expect(page.Arn).toBe(Arn);
    const rest = await operations.ListTagsForResource({ Arn, NextToken: page.NextToken }, ADMIN);
    expect(rest.Tags).toEqual([tag('latticeport:comment', 'of Ann')]);
    expect(await operations.UntagResource({ Arn, TagKeys: ['b', 'nothing'] }, ADMIN)).toBeNull();
    expect(await list()).toEqual([tag('a', '1'), tag('latticeport:comment', 'of Ann')]);

    const many = Array.from({ length: 49 }, (_, index) => tag(`k${index}`, ''));
    expect((await refused(() => operations.TagResource({ Arn, Tags: many }, ADMIN))).message).toBe(
      'Tags: a resource has at most 50 tags',
    );
    expect(await list()).toHaveLength(2);
  });

  test('settings of ours are checked, and are for users', async () => {
    const { operations, arns } = await installationWithUser();
    const set = (Arn: string, Value: string) =>
      refused(() => operations.TagResource({ Arn, Tags: [{ Key: 'latticeport:disabled', Value }] }, ADMIN));
    expect((await set(arns.user, 'perhaps')).message).toBe('Tags: latticeport:disabled: expected true or false');
    expect((await set(arns.server, 'true')).exception).toBe('InvalidRequestException');
    expect((await set(arns.hostKey, 'true')).exception).toBe('InvalidRequestException');
    await operations.TagResource({ Arn: arns.user, Tags: [{ Key: 'latticeport:disabled', Value: 'true' }] }, ADMIN);
  });

  test('of what is not there', async () => {
    const { operations, ServerId } = await installationWithUser();
    const Tags = [{ Key: 'a', Value: '' }];
    const missing = [
      `${PREFIX}:server/s-00000000000000000`,
      `${PREFIX}:user/${ServerId}/nobody`,
      `${PREFIX}:host-key/${ServerId}/hostkey-00000000000000000`,
    ];
    for (const Arn of missing) {
      for (const call of [
        () => operations.TagResource({ Arn, Tags }, ADMIN),
        () => operations.UntagResource({ Arn, TagKeys: ['a'] }, ADMIN),
        () => operations.ListTagsForResource({ Arn }, ADMIN),
      ]) {
        expect((await refused(call)).exception).toBe('ResourceNotFoundException');
      }
    }
    for (const Arn of [
      `arn:aws:transfer:eu-west-1:000000000000:server/${ServerId}`,
      `${PREFIX}:server/${ServerId}/more`,
      `${PREFIX}:user/${ServerId}`,
      `${PREFIX}:workflow/w-00000000000000000`,
      'arn:aws:iam::000000000000:role/transfer',
    ]) {
      expect((await refused(() => operations.TagResource({ Arn, Tags }, ADMIN))).exception).toBe(
        'InvalidRequestException',
      );
    }
  });
});

describe('an access key that is limited to a tag', () => {
  const north = callerWith({ Key: 'team', Value: 'north' });

  test('knows the servers that have it, and no others', async () => {
    const { operations, ServerId: other } = await installationWithUser();
    const Tags = [{ Key: 'team', Value: 'north' }];
    const { ServerId = '' } = await operations.CreateServer({ Tags }, north);
    expect((await operations.ListServers({}, north)).Servers?.map((server) => server.ServerId)).toEqual([ServerId]);
    await operations.UpdateServer({ ServerId, PreAuthenticationLoginBanner: 'hello' }, north);
    for (const call of [
      () => operations.DescribeServer({ ServerId: other }, north),
      () => operations.ListUsers({ ServerId: other }, north),
      () => operations.DeleteServer({ ServerId: other }, north),
      () => operations.CreateUser({ ServerId: other, UserName: 'ann', Role: ROLE }, north),
      () => operations.TagResource({ Arn: `${PREFIX}:server/${other}`, Tags }, north),
    ]) {
      expect((await refused(call)).exception).toBe('ResourceNotFoundException');
    }
  });

  test('can neither make a server without it nor take it away', async () => {
    const { operations } = await installationWithUser();
    const Tags = [{ Key: 'team', Value: 'north' }];
    const { ServerId = '' } = await operations.CreateServer({ Tags }, north);
    const Arn = `${PREFIX}:server/${ServerId}`;
    for (const call of [
      () => operations.CreateServer({}, north),
      () => operations.UntagResource({ Arn, TagKeys: ['team'] }, north),
      () => operations.TagResource({ Arn, Tags: [{ Key: 'team', Value: 'south' }] }, north),
    ]) {
      expect((await refused(call)).exception).toBe('AccessDeniedException');
    }
    expect((await operations.ListTagsForResource({ Arn }, ADMIN)).Tags).toEqual(Tags);
  });
});

test('accesses are created, described, listed, changed, deleted', async () => {
  const { operations, ServerId } = await installationWithUser();
  const ExternalId = 'S-1-1-12-1234567890-123456789-1234567890-1234';
  const sent = {
    Role: ROLE,
    HomeDirectoryType: 'LOGICAL' as const,
    HomeDirectoryMappings: [{ Entry: '/', Target: '/bucket/${transfer:UserName}' }],
    PosixProfile: { Uid: 1000, Gid: 1000, SecondaryGids: [4, 5] },
  };
  expect(await operations.CreateAccess({ ServerId, ExternalId, ...sent }, ADMIN)).toEqual({ ServerId, ExternalId });
  expect((await refused(() => operations.CreateAccess({ ServerId, ExternalId, ...sent }, ADMIN))).members).toEqual({
    Resource: ExternalId,
    ResourceType: 'Access',
  });
  const read = async () => (await operations.DescribeAccess({ ServerId, ExternalId }, ADMIN)).Access;
  expect(await read()).toEqual({ ...sent, ExternalId });
  expect((await operations.ListAccesses({ ServerId }, ADMIN)).Accesses).toEqual([
    { HomeDirectory: undefined, HomeDirectoryType: 'LOGICAL', Role: ROLE, ExternalId },
  ]);
  await operations.UpdateAccess({ ServerId, ExternalId, HomeDirectoryType: 'PATH', HomeDirectory: '/bucket' }, ADMIN);
  const { HomeDirectoryMappings: _, ...others } = sent;
  expect(await read()).toEqual({ ...others, HomeDirectoryType: 'PATH', HomeDirectory: '/bucket', ExternalId });
  expect(await operations.DeleteAccess({ ServerId, ExternalId }, ADMIN)).toBeNull();
  for (const call of [
    read,
    () => operations.UpdateAccess({ ServerId, ExternalId, Role: ROLE }, ADMIN),
    () => operations.DeleteAccess({ ServerId, ExternalId }, ADMIN),
  ]) {
    expect(await refused(call)).toEqual({
      exception: 'ResourceNotFoundException',
      message: 'Unknown access',
      members: { Resource: ExternalId, ResourceType: 'Access' },
    });
  }
});
