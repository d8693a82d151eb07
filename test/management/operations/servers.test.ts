import { describe, expect, test } from '@jest/globals';
import { MemoryState, SharedMemory } from './memory-state.ts';
import { ADMIN, FIRST_PORT, newInstallation, newPrivateKey, newServer, newUser, refused } from './test-installation.ts';
import type { Installation } from './test-installation.ts';
import type { Operations } from '../../../src/management/operation.ts';

type UpdateServerRequest = Parameters<Operations['UpdateServer']>[0];

/** The SDK does not know SftpPorts yet. */
function onPort(SftpPort: number): UpdateServerRequest['ProtocolDetails'] {
  const details: object = { SftpPorts: [{ SftpPort }] };
  return details;
}

async function described({ operations }: Installation, ServerId: string) {
  const { Server } = await operations.DescribeServer({ ServerId }, ADMIN);
  if (Server === undefined) throw new Error('no server');
  return Server as typeof Server & { ProtocolDetails?: { SftpPorts?: unknown } };
}

describe('CreateServer', () => {
  test('fills in what the service does, and answers once the port is open', async () => {
    const installation = newInstallation();
    const ServerId = await newServer(installation);
    expect(ServerId).toMatch(/^s-[0-9a-f]{17}$/);
    expect(installation.control.waited).toEqual([ServerId]);
    expect(await described(installation, ServerId)).toEqual({
      Arn: `arn:aws:transfer:us-east-1:000000000000:server/${ServerId}`,
      Domain: 'S3',
      EndpointType: 'PUBLIC',
      HostKeyFingerprint: expect.stringMatching(/^SHA256:[\w+/]{43}=$/),
      IdentityProviderType: 'SERVICE_MANAGED',
      IpAddressType: 'IPV4',
      ProtocolDetails: { SetStatOption: 'DEFAULT', SftpPorts: [{ SftpPort: FIRST_PORT }] },
      Protocols: ['SFTP'],
      S3StorageOptions: { DirectoryListingOptimization: 'DISABLED' },
      SecurityPolicyName: 'TransferPQSecurityPolicy-2026-11',
      ServerId,
      State: 'ONLINE',
      StructuredLogDestinations: [],
      Tags: [],
      UserCount: 0,
    });
  });

  test('makes host keys where none is sent, and takes the one that is', async () => {
    const installation = newInstallation();
    const { operations, control } = installation;
    const made = await operations.ListHostKeys({ ServerId: await newServer(installation) }, ADMIN);
    expect(made.HostKeys?.map(({ Type }) => Type).sort()).toEqual(['ecdsa-sha2-nistp256', 'ssh-ed25519']);

    const HostKey = newPrivateKey();
    const ServerId = await newServer(installation, { HostKey });
    const { fingerprint } = control.inspectHostKey(HostKey);
    const { HostKeys } = await operations.ListHostKeys({ ServerId }, ADMIN);
    expect(HostKeys?.map(({ Fingerprint }) => Fingerprint)).toEqual([fingerprint]);
    expect((await described(installation, ServerId)).HostKeyFingerprint).toBe(fingerprint);
  });

  test('takes the port that is asked for, unless another server has it', async () => {
    const installation = newInstallation();
    const ProtocolDetails = { SftpPorts: [{ SftpPort: 2299 }] };
    const first = await newServer(installation, { ProtocolDetails });
    expect((await described(installation, first)).ProtocolDetails?.SftpPorts).toEqual([{ SftpPort: 2299 }]);
    expect(await refused(() => newServer(installation, { ProtocolDetails }))).toMatchObject({
      exception: 'InvalidRequestException',
      message: 'ProtocolDetails.SftpPorts: port 2299 is taken',
    });
    const two = { ProtocolDetails: { SftpPorts: [{ SftpPort: 2300 }, { SftpPort: 2301 }] } };
    expect((await refused(() => newServer(installation, two))).message).toContain('a server has one port');
  });

  test('two nodes that create servers at once get different ports', async () => {
    const memory = new SharedMemory();
    const nodes = [newInstallation(new MemoryState(memory)), newInstallation(new MemoryState(memory))];
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => newServer(nodes[index % 2]!)));
    const ports = [...nodes[0]!.store.snapshot.servers.values()].map(({ port }) => port);
    expect(new Set(ids).size).toBe(10);
    expect(ports.sort()).toEqual(Array.from({ length: 10 }, (_, index) => FIRST_PORT + index));
  });

  test('a server whose port does not open exists, and says so', async () => {
    const installation = newInstallation();
    installation.control.failAll = true;
    const ServerId = await newServer(installation);
    expect((await described(installation, ServerId)).State).toBe('START_FAILED');
    installation.control.failAll = false;
    await installation.operations.StartServer({ ServerId }, ADMIN);
    expect((await described(installation, ServerId)).State).toBe('ONLINE');
  });

  test.each([
    ['SecurityPolicyName', { SecurityPolicyName: 'TransferSecurityPolicy-2099-01' }],
    ['Protocols', { Protocols: ['SFTP', 'FTP'] }],
    ['HostKey', { HostKey: '-----BEGIN nothing-----' }],
    ['EndpointDetails', { EndpointDetails: { VpcId: 'vpc-1' } }],
    ['IdentityProviderDetails', { IdentityProviderDetails: { Url: 'https://idp.example' } }],
    ['Tags', { Tags: [{ Key: 'latticeport:expires', Value: '2027-01-01' }] }],
    [
      'Tags',
      {
        Tags: [
          { Key: 'a', Value: '1' },
          { Key: 'a', Value: '2' },
        ],
      },
    ],
  ])('refuses %s: %j', async (member, input) => {
    const installation = newInstallation();
    const { exception, message } = await refused(() => newServer(installation, input));
    expect(exception).toBe('InvalidRequestException');
    expect(message.startsWith(`${member}: `)).toBe(true);
    expect(installation.store.snapshot.servers.size).toBe(0);
  });

  test('has no port left: nothing is made', async () => {
    const installation = newInstallation();
    for (let made = 0; made <= 20; made += 1) await newServer(installation);
    expect((await refused(() => newServer(installation))).exception).toBe('InvalidRequestException');
    expect(installation.store.snapshot.servers.size).toBe(21);
  });
});

describe('UpdateServer', () => {
  test('changes what is sent and nothing else', async () => {
    const installation = newInstallation();
    const ServerId = await newServer(installation, {
      PreAuthenticationLoginBanner: 'authorised use only',
      LoggingRole: 'arn:aws:iam::000000000000:role/logs',
      ProtocolDetails: { SftpPorts: [{ SftpPort: 2290, CommunicationMode: 'SERVER_TALK_FIRST' }] },
    });
    const before = await described(installation, ServerId);
    await installation.operations.UpdateServer(
      {
        ServerId,
        SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
        ProtocolDetails: { SetStatOption: 'ENABLE_NO_OP' },
      },
      ADMIN,
    );
    expect(await described(installation, ServerId)).toEqual({
      ...before,
      SecurityPolicyName: 'TransferSecurityPolicy-2025-03',
      ProtocolDetails: {
        SetStatOption: 'ENABLE_NO_OP',
        SftpPorts: [{ SftpPort: 2290, CommunicationMode: 'SERVER_TALK_FIRST' }],
      },
    });
  });

  test('empty strings and lists clear', async () => {
    const installation = newInstallation();
    const workflow = { WorkflowId: 'w-0123456789abcdefg', ExecutionRole: 'arn:aws:iam::000000000000:role/work' };
    const ServerId = await newServer(installation, {
      PreAuthenticationLoginBanner: 'hello',
      PostAuthenticationLoginBanner: 'welcome',
      LoggingRole: 'arn:aws:iam::000000000000:role/logs',
      Certificate: 'arn:aws:acm:us-east-1:000000000000:certificate/1',
      StructuredLogDestinations: ['arn:aws:logs:us-east-1:000000000000:log-group:g:*'],
      WorkflowDetails: { OnUpload: [workflow], OnPartialUpload: [workflow] },
    });
    const { operations } = installation;
    await operations.UpdateServer({ ServerId, WorkflowDetails: { OnUpload: [] } }, ADMIN);
    expect((await described(installation, ServerId)).WorkflowDetails).toEqual({
      OnUpload: [],
      OnPartialUpload: [workflow],
    });

    await operations.UpdateServer(
      {
        ServerId,
        PreAuthenticationLoginBanner: '',
        PostAuthenticationLoginBanner: '',
        LoggingRole: '',
        Certificate: '',
        StructuredLogDestinations: [],
        WorkflowDetails: { OnUpload: [], OnPartialUpload: [] },
      },
      ADMIN,
    );
    const server = await described(installation, ServerId);
    for (const member of [
      'PreAuthenticationLoginBanner',
      'PostAuthenticationLoginBanner',
      'LoggingRole',
      'Certificate',
      'WorkflowDetails',
    ]) {
      expect(server).not.toHaveProperty(member);
    }
    expect(server.StructuredLogDestinations).toEqual([]);
  });

  test('HostKey becomes the only key of the server', async () => {
    const installation = newInstallation();
    const ServerId = await newServer(installation);
    const HostKey = newPrivateKey('ecdsa-256');
    const { fingerprint } = installation.control.inspectHostKey(HostKey);
    await installation.operations.UpdateServer({ ServerId, HostKey }, ADMIN);
    expect((await described(installation, ServerId)).HostKeyFingerprint).toBe(fingerprint);
    const { HostKeys } = await installation.operations.ListHostKeys({ ServerId }, ADMIN);
    expect(HostKeys?.map(({ Fingerprint }) => Fingerprint)).toEqual([fingerprint]);

    // The same key again is no change: its id stays.
    await installation.operations.UpdateServer({ ServerId, HostKey }, ADMIN);
    expect((await installation.operations.ListHostKeys({ ServerId }, ADMIN)).HostKeys).toEqual(HostKeys);
  });

  test.each([
    [{ EndpointType: 'VPC' as const, EndpointDetails: { VpcId: 'vpc-1' } }, 'EndpointType'],
    [{ IpAddressType: 'DUALSTACK' as const }, 'IpAddressType'],
    [{ ProtocolDetails: onPort(2295) }, 'ProtocolDetails.SftpPorts'],
  ])('%j only while the server is OFFLINE', async (change, member) => {
    const installation = newInstallation();
    const ServerId = await newServer(installation);
    const { operations } = installation;
    expect(await refused(() => operations.UpdateServer({ ServerId, ...change }, ADMIN))).toEqual({
      exception: 'InvalidRequestException',
      message: `Server must be OFFLINE to change ${member}`,
      members: {},
    });
    await operations.StopServer({ ServerId }, ADMIN);
    await operations.UpdateServer({ ServerId, ...change }, ADMIN);
    await operations.StartServer({ ServerId }, ADMIN);
    expect(await described(installation, ServerId)).toMatchObject({ ...change, State: 'ONLINE' });
  });

  test('a port of its own stays, one of another server is refused', async () => {
    const installation = newInstallation();
    const [one, other] = [await newServer(installation), await newServer(installation)];
    const { operations } = installation;
    const taken = { ProtocolDetails: onPort(FIRST_PORT) };
    await operations.UpdateServer({ ServerId: one, ...taken }, ADMIN);
    expect((await refused(() => operations.UpdateServer({ ServerId: other, ...taken }, ADMIN))).message).toContain(
      'is taken',
    );
  });

  test('nothing different is no change', async () => {
    const installation = newInstallation();
    const ServerId = await newServer(installation);
    const { revision } = installation.store.snapshot.servers.get(ServerId)!;
    await installation.operations.UpdateServer({ ServerId, Protocols: ['SFTP'] }, ADMIN);
    expect(installation.store.snapshot.servers.get(ServerId)?.revision).toBe(revision);
  });
});

describe('StartServer, StopServer, DeleteServer, ListServers', () => {
  test('start and stop answer when it is done, twice or once', async () => {
    const installation = newInstallation();
    const { operations } = installation;
    const ServerId = await newServer(installation);
    const call = [{ ServerId }, ADMIN] as const;
    expect(await operations.StopServer(...call)).toBeNull();
    expect((await described(installation, ServerId)).State).toBe('OFFLINE');
    await operations.StopServer(...call);
    expect(await operations.StartServer(...call)).toBeNull();
    await operations.StartServer(...call);
    expect((await described(installation, ServerId)).State).toBe('ONLINE');
    expect((await installation.store.auditTrail({ limit: 10 })).map(({ operation }) => operation)).toEqual([
      'StartServer',
      'StopServer',
      'CreateServer',
    ]);
  });

  test('an OFFLINE server takes users', async () => {
    const installation = newInstallation();
    const ServerId = await newServer(installation);
    await installation.operations.StopServer({ ServerId }, ADMIN);
    await newUser(installation, ServerId);
    expect((await described(installation, ServerId)).UserCount).toBe(1);
  });

  test('a deleted server takes its users with it', async () => {
    const installation = newInstallation();
    const { operations, store } = installation;
    const ServerId = await newServer(installation);
    const UserName = await newUser(installation, ServerId);
    expect(await operations.DeleteServer({ ServerId }, ADMIN)).toBeNull();
    expect(store.snapshot.users.get(ServerId)?.size ?? 0).toBe(0);
    expect(store.snapshot.hostKeys.get(ServerId)?.size ?? 0).toBe(0);
    const gone = {
      exception: 'ResourceNotFoundException',
      message: 'Unknown server',
      members: { Resource: ServerId, ResourceType: 'Server' },
    };
    expect(await refused(() => operations.DescribeServer({ ServerId }, ADMIN))).toEqual(gone);
    expect(await refused(() => operations.DescribeUser({ ServerId, UserName }, ADMIN))).toEqual(gone);
    expect(await refused(() => operations.DeleteServer({ ServerId }, ADMIN))).toEqual(gone);
    expect(await refused(() => operations.StartServer({ ServerId }, ADMIN))).toEqual(gone);
    expect(await refused(() => operations.StopServer({ ServerId }, ADMIN))).toEqual(gone);
    expect(await refused(() => operations.UpdateServer({ ServerId }, ADMIN))).toEqual(gone);
  });

  test('the list has what the service lists, page by page', async () => {
    const installation = newInstallation();
    const ids = [];
    for (let made = 0; made < 5; made += 1) ids.push(await newServer(installation));
    await newUser(installation, ids[0]!);
    const listed = [];
    let NextToken: string | undefined;
    do {
      const page = await installation.operations.ListServers({ MaxResults: 2, NextToken }, ADMIN);
      listed.push(...(page.Servers ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(listed.map(({ ServerId }) => ServerId)).toEqual(ids.sort());
    expect(listed.reduce((sum, { UserCount = 0 }) => sum + UserCount, 0)).toBe(1);
    expect(listed[0]).toEqual({
      Arn: `arn:aws:transfer:us-east-1:000000000000:server/${ids[0]!}`,
      Domain: 'S3',
      IdentityProviderType: 'SERVICE_MANAGED',
      EndpointType: 'PUBLIC',
      LoggingRole: undefined,
      ServerId: ids[0],
      State: 'ONLINE',
      UserCount: expect.any(Number),
    });
  });
});

test('TestIdentityProvider says what the service says of a server with its own users', async () => {
  const installation = newInstallation();
  const ServerId = await newServer(installation);
  const { TestIdentityProvider } = installation.operations;
  expect(await refused(() => TestIdentityProvider({ ServerId, UserName: 'ann' }, ADMIN))).toEqual({
    exception: 'InvalidRequestException',
    message: `${ServerId} not configured for external auth`,
    members: {},
  });
  const unknown = 's-00000000000000000';
  expect((await refused(() => TestIdentityProvider({ ServerId: unknown, UserName: 'ann' }, ADMIN))).message).toBe(
    'Unknown server',
  );
});

test('what reads rejects, and throws nothing before it has answered a promise', async () => {
  const { operations } = newInstallation();
  const answer = operations.DescribeServer({ ServerId: 's-00000000000000000' }, ADMIN);
  await expect(answer).rejects.toThrow('Unknown server');
});
