import { expect, test } from '@jest/globals';
import type { Operations } from '../../../src/management/operation.ts';
import { ADMIN, newInstallation, newPrivateKey, newPublicKey, ROLE } from './test-installation.ts';

/** One call of each operation that changes something, in an order that works. */
test('every change leaves one record of who, what, before and after, and no secret', async () => {
  const { operations, store } = newInstallation();
  const secrets = [newPrivateKey(), newPrivateKey('ecdsa-256'), newPrivateKey()] as const;
  const made: { operation: string; resource: string; before: boolean; after: boolean }[] = [];
  const prefix = 'arn:aws:transfer:us-east-1:000000000000';

  async function call<Name extends keyof Operations>(
    operation: Name,
    input: Parameters<Operations[Name]>[0],
    resource: () => string,
    [before, after]: readonly [boolean, boolean],
  ): Promise<Awaited<ReturnType<Operations[Name]>>> {
    const work = operations[operation] as (
      input: Parameters<Operations[Name]>[0],
      caller: typeof ADMIN,
    ) => Promise<Awaited<ReturnType<Operations[Name]>>>;
    const answer = await work(input, ADMIN);
    made.push({ operation, resource: resource(), before, after });
    return answer;
  }

  let ServerId = '';
  const server = () => `${prefix}:server/${ServerId}`;
  ServerId = (await operations.CreateServer({ HostKey: secrets[0] }, ADMIN)).ServerId ?? '';
  made.push({ operation: 'CreateServer', resource: server(), before: false, after: true });
  const both = [true, true] as const;
  await call('UpdateServer', { ServerId, PreAuthenticationLoginBanner: 'hello' }, server, [true, true]);
  await call('UpdateServer', { ServerId, HostKey: secrets[1] }, server, both);
  await call('StopServer', { ServerId }, server, both);
  await call('StartServer', { ServerId }, server, both);
  await call('TagResource', { Arn: server(), Tags: [{ Key: 'a', Value: '1' }] }, server, both);
  await call('UntagResource', { Arn: server(), TagKeys: ['a'] }, server, both);

  let HostKeyId: string | undefined = '';
  const hostKey = () => `${prefix}:host-key/${ServerId}/${HostKeyId ?? ''}`;
  ({ HostKeyId } = await operations.ImportHostKey({ ServerId, HostKeyBody: secrets[2] }, ADMIN));
  made.push({ operation: 'ImportHostKey', resource: hostKey(), before: false, after: true });
  await call('UpdateHostKey', { ServerId, HostKeyId, Description: 'old' }, hostKey, both);
  await call('DeleteHostKey', { ServerId, HostKeyId }, hostKey, [true, false]);

  const UserName = 'ann';
  const user = () => `${prefix}:user/${ServerId}/${UserName}`;
  await call('CreateUser', { ServerId, UserName, Role: ROLE }, user, [false, true]);
  await call('UpdateUser', { ServerId, UserName, HomeDirectory: '/bucket' }, user, both);
  const key = { ServerId, UserName, SshPublicKeyBody: newPublicKey() };
  const { SshPublicKeyId } = await call('ImportSshPublicKey', key, user, both);
  await call('DeleteSshPublicKey', { ServerId, UserName, SshPublicKeyId }, user, both);
  await call('DeleteUser', { ServerId, UserName }, user, [true, false]);

  const ExternalId = 'S-1-1-12';
  const access = () => `${prefix}:access/${ServerId}/${ExternalId}`;
  await call('CreateAccess', { ServerId, ExternalId, Role: ROLE }, access, [false, true]);
  await call('UpdateAccess', { ServerId, ExternalId, HomeDirectory: '/bucket' }, access, both);
  await call('DeleteAccess', { ServerId, ExternalId }, access, [true, false]);
  await call('DeleteServer', { ServerId }, server, [true, false]);

  const trail = [...(await store.auditTrail({ limit: 100 }))].reverse();
  expect(
    trail.map(({ operation, resource, before, after }) => ({
      operation,
      resource,
      before: (before ?? null) !== null,
      after: (after ?? null) !== null,
    })),
  ).toEqual(made);
  for (const record of trail) expect(record).toMatchObject(ADMIN.author);
  const text = JSON.stringify(trail);
  for (const secret of [...secrets, ADMIN.accessKey.secretAccessKey]) {
    for (const line of secret.split('\n').filter((each) => each.length > 20 && !each.startsWith('---'))) {
      expect(text).not.toContain(line);
    }
  }
});

test('a change has the members that differ, and reading leaves nothing', async () => {
  const { operations, lastAudit, store } = newInstallation();
  const { ServerId } = await operations.CreateServer({}, ADMIN);
  await operations.UpdateServer({ ServerId, IdentityProviderType: 'SERVICE_MANAGED', LoggingRole: ROLE }, ADMIN);
  expect(await lastAudit()).toMatchObject({ before: {}, after: { LoggingRole: ROLE } });
  expect(Object.keys((await lastAudit())?.after as object)).toEqual(['LoggingRole']);
  const { revision } = store.snapshot;
  await operations.DescribeServer({ ServerId }, ADMIN);
  await operations.ListServers({}, ADMIN);
  expect(store.snapshot.revision).toBe(revision);
});
