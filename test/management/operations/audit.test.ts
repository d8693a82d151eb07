import { expect, test } from '@jest/globals';
import { ADMIN, newInstallation, newPrivateKey, newPublicKey, ROLE } from './test-installation.ts';

/** One call of each operation that changes something, in an order that works. */
test('every change leaves one record of who, what, before and after, and no secret', async () => {
  const { operations, store } = newInstallation();
  const secrets = [newPrivateKey(), newPrivateKey('ecdsa-256'), newPrivateKey()] as const;
  const made: { operation: string; resource: string; before: boolean; after: boolean }[] = [];
  const prefix = 'arn:aws:transfer:us-east-1:000000000000';

  async function call<Answer>(
    operation: string,
    work: Promise<Answer>,
    resource: () => string,
    [before, after]: readonly [boolean, boolean],
  ): Promise<Answer> {
    const answer = await work;
    made.push({ operation, resource: resource(), before, after });
    return answer;
  }

  let ServerId = '';
  const server = () => `${prefix}:server/${ServerId}`;
  ServerId = (await operations.CreateServer({ HostKey: secrets[0] }, ADMIN)).ServerId ?? '';
  made.push({ operation: 'CreateServer', resource: server(), before: false, after: true });
  const both = [true, true] as const;
  await call(
    'UpdateServer',
    operations.UpdateServer({ ServerId, PreAuthenticationLoginBanner: 'hello' }, ADMIN),
    server,
    [true, true],
  );
  await call('UpdateServer', operations.UpdateServer({ ServerId, HostKey: secrets[1] }, ADMIN), server, both);
  await call('StopServer', operations.StopServer({ ServerId }, ADMIN), server, both);
  await call('StartServer', operations.StartServer({ ServerId }, ADMIN), server, both);
  await call(
    'TagResource',
    operations.TagResource({ Arn: server(), Tags: [{ Key: 'a', Value: '1' }] }, ADMIN),
    server,
    both,
  );
  await call('UntagResource', operations.UntagResource({ Arn: server(), TagKeys: ['a'] }, ADMIN), server, both);

  let HostKeyId: string | undefined = '';
  const hostKey = () => `${prefix}:host-key/${ServerId}/${HostKeyId ?? ''}`;
  ({ HostKeyId } = await operations.ImportHostKey({ ServerId, HostKeyBody: secrets[2] }, ADMIN));
  made.push({ operation: 'ImportHostKey', resource: hostKey(), before: false, after: true });
  await call(
    'UpdateHostKey',
    operations.UpdateHostKey({ ServerId, HostKeyId, Description: 'old' }, ADMIN),
    hostKey,
    both,
  );
  await call('DeleteHostKey', operations.DeleteHostKey({ ServerId, HostKeyId }, ADMIN), hostKey, [true, false]);

  const UserName = 'ann';
  const user = () => `${prefix}:user/${ServerId}/${UserName}`;
  await call('CreateUser', operations.CreateUser({ ServerId, UserName, Role: ROLE }, ADMIN), user, [false, true]);
  await call('UpdateUser', operations.UpdateUser({ ServerId, UserName, HomeDirectory: '/bucket' }, ADMIN), user, both);
  const key = { ServerId, UserName, SshPublicKeyBody: newPublicKey() };
  const { SshPublicKeyId } = await call('ImportSshPublicKey', operations.ImportSshPublicKey(key, ADMIN), user, both);
  await call(
    'DeleteSshPublicKey',
    operations.DeleteSshPublicKey({ ServerId, UserName, SshPublicKeyId }, ADMIN),
    user,
    both,
  );
  await call('DeleteUser', operations.DeleteUser({ ServerId, UserName }, ADMIN), user, [true, false]);

  const ExternalId = 'S-1-1-12';
  const access = () => `${prefix}:access/${ServerId}/${ExternalId}`;
  await call('CreateAccess', operations.CreateAccess({ ServerId, ExternalId, Role: ROLE }, ADMIN), access, [
    false,
    true,
  ]);
  await call(
    'UpdateAccess',
    operations.UpdateAccess({ ServerId, ExternalId, HomeDirectory: '/bucket' }, ADMIN),
    access,
    both,
  );
  await call('DeleteAccess', operations.DeleteAccess({ ServerId, ExternalId }, ADMIN), access, [true, false]);
  await call('DeleteServer', operations.DeleteServer({ ServerId }, ADMIN), server, [true, false]);

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
