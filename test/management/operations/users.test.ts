import { describe, expect, test } from '@jest/globals';
import { ADMIN, newInstallation, newPublicKey, newServer, newUser, refused, ROLE } from './test-installation.ts';

async function installationWithServer() {
  const installation = newInstallation();
  return { ...installation, ServerId: await newServer(installation) };
}

describe('CreateUser', () => {
  test('answers names, and Describe what was sent', async () => {
    const { operations, ServerId } = await installationWithServer();
    const SshPublicKeyBody = `  ${newPublicKey('a comment of two words')}\n`;
    const UserName = 'ann@example.com';
    expect(await operations.CreateUser({ ServerId, UserName, Role: ROLE, SshPublicKeyBody }, ADMIN)).toEqual({
      ServerId,
      UserName,
    });
    const { User } = await operations.DescribeUser({ ServerId, UserName }, ADMIN);
    expect(User).toEqual({
      Arn: `arn:aws:transfer:us-east-1:000000000000:user/${ServerId}/${UserName}`,
      HomeDirectoryType: 'PATH',
      Role: ROLE,
      SshPublicKeys: [
        {
          DateImported: expect.any(Date),
          SshPublicKeyBody,
          SshPublicKeyId: expect.stringMatching(/^key-[0-9a-f]{17}$/),
        },
      ],
      Tags: [],
      UserName,
    });
  });

  test('a name exists once', async () => {
    const installation = await installationWithServer();
    const UserName = await newUser(installation, installation.ServerId);
    expect(await refused(() => newUser(installation, installation.ServerId))).toEqual({
      exception: 'ResourceExistsException',
      message: 'User already exists',
      members: { Resource: UserName, ResourceType: 'User' },
    });
  });

  const mapping = (Entry: string, Target = '/bucket/x') => ({ Entry, Target });
  test.each([
    ['Role', { Role: 'arn:aws:iam::000000000000:role/unknown' }],
    ['HomeDirectoryMappings', { HomeDirectoryType: 'LOGICAL' }],
    ['HomeDirectoryMappings', { HomeDirectoryMappings: [mapping('/')] }],
    ['HomeDirectoryMappings', { HomeDirectoryType: 'PATH', HomeDirectoryMappings: [mapping('/')] }],
    ['HomeDirectoryMappings', { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings: [mapping('/'), mapping('/a')] }],
    [
      'HomeDirectoryMappings',
      { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings: [mapping('/a'), mapping('/a/b/c')] },
    ],
    [
      'HomeDirectoryMappings[1].Entry',
      { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings: [mapping('/a'), mapping('/a/')] },
    ],
    ['HomeDirectory', { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings: [mapping('/a')], HomeDirectory: '/ab' }],
    ['Policy', { Policy: '{' }],
    ['Policy', { Policy: '[]' }],
    ['SshPublicKeyBody', { SshPublicKeyBody: 'ssh-ed25519 AAAA' }],
    ['SshPublicKeyBody', { SshPublicKeyBody: 'ssh-dss AAAAB3NzaC1kc3MAAACBAP1/U4EddRIpUt9KnC7s5Of2EbdSPO9EAMMeP4C2' }],
    ['Tags', { Tags: [{ Key: 'latticeport:disabled', Value: 'perhaps' }] }],
  ])('refuses %s: %j', async (member, input) => {
    const installation = await installationWithServer();
    const { exception, message } = await refused(() => newUser(installation, installation.ServerId, input));
    expect(exception).toBe('InvalidRequestException');
    expect(message.startsWith(`${member}: `)).toBe(true);
    expect((await installation.operations.ListUsers({ ServerId: installation.ServerId }, ADMIN)).Users).toEqual([]);
  });

  test.each(['/', '/a', '/a/', '/a/deep/er', '/c', '/c/d'])('a LOGICAL home may be %s', async (HomeDirectory) => {
    const installation = await installationWithServer();
    const mappings = { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings: [mapping('/a'), mapping('/c/d/e')] };
    const UserName = await newUser(installation, installation.ServerId, { ...mappings, HomeDirectory });
    const { User } = await installation.operations.DescribeUser({ ServerId: installation.ServerId, UserName }, ADMIN);
    expect(User).toMatchObject({ ...mappings, HomeDirectory });
  });

  test('more mappings than the quota are refused', async () => {
    const installation = await installationWithServer();
    const HomeDirectoryMappings = Array.from({ length: 2001 }, (_, index) => mapping(`/d${index}`));
    const input = { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings };
    expect((await refused(() => newUser(installation, installation.ServerId, input))).exception).toBe(
      'InvalidRequestException',
    );
  });
});

describe('UpdateUser', () => {
  test('replaces what is sent, and clears by empty strings', async () => {
    const installation = await installationWithServer();
    const { operations, ServerId } = installation;
    const Policy = '{"Version":"2012-10-17","Statement":[]}';
    const UserName = await newUser(installation, ServerId, { HomeDirectory: '/bucket/home', Policy });
    const read = async () => (await operations.DescribeUser({ ServerId, UserName }, ADMIN)).User;

    const other = 'arn:aws:iam::000000000000:role/other';
    await operations.UpdateUser({ ServerId, UserName, Role: other }, ADMIN);
    expect(await read()).toMatchObject({ HomeDirectory: '/bucket/home', Policy, Role: other });

    await operations.UpdateUser({ ServerId, UserName, HomeDirectory: '', Policy: '' }, ADMIN);
    const cleared = await read();
    expect(cleared).not.toHaveProperty('HomeDirectory');
    expect(cleared).not.toHaveProperty('Policy');
  });

  test('the type PATH takes the mappings away, LOGICAL wants some', async () => {
    const installation = await installationWithServer();
    const { operations, ServerId } = installation;
    const HomeDirectoryMappings = [{ Entry: '/', Target: '/bucket/x' }];
    const UserName = await newUser(installation, ServerId, { HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings });
    const read = async () => (await operations.DescribeUser({ ServerId, UserName }, ADMIN)).User;

    await operations.UpdateUser({ ServerId, UserName, HomeDirectoryType: 'PATH' }, ADMIN);
    expect(await read()).not.toHaveProperty('HomeDirectoryMappings');
    const logical = { ServerId, UserName, HomeDirectoryType: 'LOGICAL' } as const;
    expect((await refused(() => operations.UpdateUser(logical, ADMIN))).message).toContain('HomeDirectoryMappings');
    expect(
      (await refused(() => operations.UpdateUser({ ServerId, UserName, HomeDirectoryMappings }, ADMIN))).message,
    ).toContain('LOGICAL');
    await operations.UpdateUser({ ...logical, HomeDirectoryMappings }, ADMIN);
    expect(await read()).toMatchObject({ HomeDirectoryType: 'LOGICAL', HomeDirectoryMappings });
  });

  test('a user or server that is not there', async () => {
    const { operations, ServerId } = await installationWithServer();
    const UserName = 'nobody';
    const unknown = {
      exception: 'ResourceNotFoundException',
      message: 'Unknown user',
      members: { Resource: UserName, ResourceType: 'User' },
    };
    const key = newPublicKey();
    const calls = [
      () => operations.DescribeUser({ ServerId, UserName }, ADMIN),
      () => operations.UpdateUser({ ServerId, UserName, Role: ROLE }, ADMIN),
      () => operations.DeleteUser({ ServerId, UserName }, ADMIN),
      () => operations.ImportSshPublicKey({ ServerId, UserName, SshPublicKeyBody: key }, ADMIN),
      () => operations.DeleteSshPublicKey({ ServerId, UserName, SshPublicKeyId: 'key-00000000000000000' }, ADMIN),
    ];
    for (const call of calls) expect(await refused(call)).toEqual(unknown);
    const other = 's-00000000000000000';
    for (const call of [
      () => operations.CreateUser({ ServerId: other, UserName, Role: ROLE }, ADMIN),
      () => operations.ListUsers({ ServerId: other }, ADMIN),
    ]) {
      expect((await refused(call)).members).toEqual({ Resource: other, ResourceType: 'Server' });
    }
  });
});

test('DeleteUser forgets the user and the keys', async () => {
  const installation = await installationWithServer();
  const { operations, ServerId, store } = installation;
  const UserName = await newUser(installation, ServerId, { SshPublicKeyBody: newPublicKey() });
  expect(await operations.DeleteUser({ ServerId, UserName }, ADMIN)).toBeNull();
  expect((await refused(() => operations.DescribeUser({ ServerId, UserName }, ADMIN))).message).toBe('Unknown user');
  expect(store.snapshot.users.get(ServerId)?.has(UserName) ?? false).toBe(false);
});

test('ListUsers goes on where it was while users come and go', async () => {
  const installation = await installationWithServer();
  const { operations, ServerId } = installation;
  const names = Array.from({ length: 25 }, (_, index) => `user-${String(index).padStart(2, '0')}`);
  for (const UserName of names) await operations.CreateUser({ ServerId, UserName, Role: ROLE }, ADMIN);

  const first = await operations.ListUsers({ ServerId, MaxResults: 10 }, ADMIN);
  expect(first.Users?.map(({ UserName }) => UserName)).toEqual(names.slice(0, 10));
  expect(first.Users?.[0]).toEqual({
    Arn: `arn:aws:transfer:us-east-1:000000000000:user/${ServerId}/user-00`,
    HomeDirectory: undefined,
    HomeDirectoryType: 'PATH',
    Role: ROLE,
    SshPublicKeyCount: 0,
    UserName: 'user-00',
  });
  // The last one of the page goes, as does one to come, and one comes before it.
  for (const UserName of ['user-09', 'user-12']) await operations.DeleteUser({ ServerId, UserName }, ADMIN);
  await operations.CreateUser({ ServerId, UserName: 'another', Role: ROLE }, ADMIN);
  const second = await operations.ListUsers({ ServerId, MaxResults: 100, NextToken: first.NextToken }, ADMIN);
  expect(second.Users?.map(({ UserName }) => UserName)).toEqual(names.slice(10).filter((name) => name !== 'user-12'));
  expect(second).not.toHaveProperty('NextToken');

  const foreign = [
    { NextToken: 'x' },
    { NextToken: 'e30' },
    { NextToken: Buffer.alloc(4000, 'a').toString('base64url') },
  ];
  const otherServer = await newServer(installation);
  for (const call of [
    ...foreign.map((token) => () => operations.ListUsers({ ServerId, ...token }, ADMIN)),
    () => operations.ListUsers({ ServerId: otherServer, NextToken: first.NextToken }, ADMIN),
    () => operations.ListHostKeys({ ServerId, NextToken: first.NextToken }, ADMIN),
    () => operations.ListServers({ NextToken: first.NextToken }, ADMIN),
    () => operations.ListSecurityPolicies({ NextToken: first.NextToken }, ADMIN),
    () => operations.ListAccesses({ ServerId, NextToken: first.NextToken }, ADMIN),
  ]) {
    expect((await refused(call)).exception).toBe('InvalidNextTokenException');
  }
});

describe('SSH public keys', () => {
  test('are rotated: one comes, one goes', async () => {
    const installation = await installationWithServer();
    const { operations, ServerId } = installation;
    const [old, young] = [newPublicKey(), newPublicKey()];
    const UserName = await newUser(installation, ServerId, { SshPublicKeyBody: old });
    const bodies = async () => (await operations.DescribeUser({ ServerId, UserName }, ADMIN)).User?.SshPublicKeys;
    const answer = await operations.ImportSshPublicKey({ ServerId, UserName, SshPublicKeyBody: young }, ADMIN);
    expect(answer).toEqual({ ServerId, UserName, SshPublicKeyId: expect.stringMatching(/^key-[0-9a-f]{17}$/) });
    const [first, second] = (await bodies()) ?? [];
    expect([first?.SshPublicKeyBody, second?.SshPublicKeyBody]).toEqual([old, young]);
    expect(second?.SshPublicKeyId).toBe(answer.SshPublicKeyId);

    const SshPublicKeyId = first?.SshPublicKeyId;
    expect(await operations.DeleteSshPublicKey({ ServerId, UserName, SshPublicKeyId }, ADMIN)).toBeNull();
    expect((await bodies())?.map(({ SshPublicKeyBody }) => SshPublicKeyBody)).toEqual([young]);
    expect(await refused(() => operations.DeleteSshPublicKey({ ServerId, UserName, SshPublicKeyId }, ADMIN))).toEqual({
      exception: 'ResourceNotFoundException',
      message: 'Unknown SSH public key',
      members: { Resource: SshPublicKeyId, ResourceType: 'SshPublicKey' },
    });
  });

  test('stand there once, whatever the comment, and at most 50 times', async () => {
    const installation = await installationWithServer();
    const { operations, ServerId } = installation;
    const body = newPublicKey('one');
    const UserName = await newUser(installation, ServerId, { SshPublicKeyBody: body });
    const add = (SshPublicKeyBody: string) =>
      operations.ImportSshPublicKey({ ServerId, UserName, SshPublicKeyBody }, ADMIN);
    const again = await refused(() => add(body.replace(/ one$/, ' two')));
    expect(again.exception).toBe('ResourceExistsException');
    expect(again.members['ResourceType']).toBe('SshPublicKey');
    for (let count = 1; count < 50; count += 1) await add(newPublicKey());
    expect((await refused(() => add(newPublicKey()))).message).toBe('A user has at most 50 SSH public keys');
  });
});
