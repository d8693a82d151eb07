import { expect, test } from '@jest/globals';
import {
  ADMIN,
  callerWith,
  newInstallation,
  newPublicKey,
  newPrivateKey,
  newServer,
  refused,
  ROLE,
} from './test-installation.ts';

const ServerId = 's-fedcba98765432100';
const UserName = 'demo';
const file = '/etc/latticeport/latticeport.json';

function installationWithFile() {
  const installation = newInstallation();
  const base = { serverId: ServerId, createdAt: 0, revision: 0, tags: [] };
  installation.control.fileServer = {
    serverId: ServerId,
    file,
    server: {
      ...base,
      wanted: 'ONLINE',
      port: 2222,
      settings: { SecurityPolicyName: 'TransferPQSecurityPolicy-2026-11', EndpointType: 'PUBLIC', Protocols: ['SFTP'] },
    },
    users: [{ ...base, userName: UserName, settings: { Role: ROLE, HomeDirectoryType: 'PATH' }, keys: [] }],
    hostKeys: [{ hostKeyId: 'hostkey-fedcba98765432100', type: 'ssh-ed25519', fingerprint: 'SHA256:abc=' }],
  };
  return installation;
}

test('the server of the configuration file is listed and described along with the others', async () => {
  const installation = installationWithFile();
  const { operations } = installation;
  const other = await newServer(installation);
  const { Servers } = await operations.ListServers({}, ADMIN);
  expect(Servers?.map((server) => server.ServerId)).toEqual([ServerId, other].sort());
  expect(Servers?.find((server) => server.ServerId === ServerId)).toMatchObject({ State: 'ONLINE', UserCount: 1 });

  expect((await operations.DescribeServer({ ServerId }, ADMIN)).Server).toMatchObject({
    HostKeyFingerprint: 'SHA256:abc=',
    ProtocolDetails: { SftpPorts: [{ SftpPort: 2222 }] },
    State: 'ONLINE',
    UserCount: 1,
  });
  expect((await operations.ListUsers({ ServerId }, ADMIN)).Users).toMatchObject([{ UserName }]);
  expect((await operations.DescribeUser({ ServerId, UserName }, ADMIN)).User).toMatchObject({ UserName, Role: ROLE });
  const HostKeyId = 'hostkey-fedcba98765432100';
  expect((await operations.ListHostKeys({ ServerId }, ADMIN)).HostKeys).toMatchObject([{ HostKeyId }]);
  expect((await operations.DescribeHostKey({ ServerId, HostKeyId }, ADMIN)).HostKey).toMatchObject({
    HostKeyFingerprint: 'SHA256:abc=',
    Type: 'ssh-ed25519',
  });
  expect((await operations.ListAccesses({ ServerId }, ADMIN)).Accesses).toEqual([]);
  const Arn = `arn:aws:transfer:us-east-1:000000000000:user/${ServerId}/${UserName}`;
  expect((await operations.ListTagsForResource({ Arn }, ADMIN)).Tags).toEqual([]);
});

test('nothing of it can be changed: the conflict names the file', async () => {
  const { operations } = installationWithFile();
  const server = { ServerId };
  const user = { ServerId, UserName };
  const key = { ServerId, HostKeyId: 'hostkey-fedcba98765432100' };
  const access = { ServerId, ExternalId: 'S-1-1' };
  const Arn = `arn:aws:transfer:us-east-1:000000000000:server/${ServerId}`;
  for (const call of [
    () => operations.UpdateServer(server, ADMIN),
    () => operations.StartServer(server, ADMIN),
    () => operations.StopServer(server, ADMIN),
    () => operations.DeleteServer(server, ADMIN),
    () => operations.CreateUser({ ...user, Role: ROLE }, ADMIN),
    () => operations.UpdateUser(user, ADMIN),
    () => operations.DeleteUser(user, ADMIN),
    () => operations.ImportSshPublicKey({ ...user, SshPublicKeyBody: newPublicKey() }, ADMIN),
    () => operations.DeleteSshPublicKey({ ...user, SshPublicKeyId: 'key-00000000000000000' }, ADMIN),
    () => operations.ImportHostKey({ ...server, HostKeyBody: newPrivateKey() }, ADMIN),
    () => operations.UpdateHostKey({ ...key, Description: '' }, ADMIN),
    () => operations.DeleteHostKey(key, ADMIN),
    () => operations.CreateAccess({ ...access, Role: ROLE }, ADMIN),
    () => operations.UpdateAccess(access, ADMIN),
    () => operations.DeleteAccess(access, ADMIN),
    () => operations.TagResource({ Arn, Tags: [{ Key: 'a', Value: '' }] }, ADMIN),
    () => operations.UntagResource({ Arn, TagKeys: ['a'] }, ADMIN),
  ]) {
    const { exception, message } = await refused(call);
    expect(exception).toBe('ConflictException');
    expect(message).toContain(file);
  }
});

test('its port is taken, and who is limited to a tag does not know it', async () => {
  const installation = installationWithFile();
  const ProtocolDetails = { SftpPorts: [{ SftpPort: 2222 }] };
  expect((await refused(() => newServer(installation, { ProtocolDetails }))).message).toContain('is taken');
  const north = callerWith({ Key: 'team', Value: 'north' });
  const { operations } = installation;
  for (const call of [
    () => operations.DescribeServer({ ServerId }, north),
    () => operations.DeleteServer({ ServerId }, north),
  ]) {
    expect((await refused(call)).exception).toBe('ResourceNotFoundException');
  }
});
