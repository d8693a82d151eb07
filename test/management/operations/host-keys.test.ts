import { describe, expect, test } from '@jest/globals';
import { ADMIN, newInstallation, newPrivateKey, newServer, refused } from './test-installation.ts';

async function installationWithServer() {
  const installation = newInstallation();
  const HostKey = newPrivateKey();
  return { ...installation, HostKey, ServerId: await newServer(installation, { HostKey }) };
}

describe('host keys', () => {
  test('are imported, described, renamed, deleted', async () => {
    const { operations, control, ServerId } = await installationWithServer();
    const HostKeyBody = newPrivateKey('ecdsa-256');
    const { fingerprint } = control.inspectHostKey(HostKeyBody);
    const Tags = [{ Key: 'team', Value: 'north' }];
    control.waited.length = 0;
    const { HostKeyId } = await operations.ImportHostKey(
      { ServerId, HostKeyBody, Description: 'of 2026', Tags },
      ADMIN,
    );
    expect(HostKeyId).toMatch(/^hostkey-[0-9a-f]{17}$/);
    expect(control.waited).toEqual([ServerId]);

    const expected = {
      Arn: `arn:aws:transfer:us-east-1:000000000000:host-key/${ServerId}/${HostKeyId ?? ''}`,
      HostKeyId,
      Description: 'of 2026',
      Type: 'ecdsa-sha2-nistp256',
      DateImported: expect.any(Date),
    };
    expect(await operations.DescribeHostKey({ ServerId, HostKeyId }, ADMIN)).toEqual({
      HostKey: { ...expected, HostKeyFingerprint: fingerprint, Tags },
    });
    const { HostKeys } = await operations.ListHostKeys({ ServerId }, ADMIN);
    expect(HostKeys).toHaveLength(2);
    expect(HostKeys).toContainEqual({ ...expected, Fingerprint: fingerprint });

    const renamed = { ServerId, HostKeyId, Description: 'of the old machine' };
    expect(await operations.UpdateHostKey(renamed, ADMIN)).toEqual({ ServerId, HostKeyId });
    expect((await operations.DescribeHostKey({ ServerId, HostKeyId }, ADMIN)).HostKey?.Description).toBe(
      'of the old machine',
    );
    expect(await operations.DeleteHostKey({ ServerId, HostKeyId }, ADMIN)).toBeNull();
    for (const call of [
      () => operations.DescribeHostKey({ ServerId, HostKeyId }, ADMIN),
      () => operations.UpdateHostKey(renamed, ADMIN),
      () => operations.DeleteHostKey({ ServerId, HostKeyId }, ADMIN),
    ]) {
      expect(await refused(call)).toEqual({
        exception: 'ResourceNotFoundException',
        message: 'Unknown host key',
        members: { Resource: HostKeyId, ResourceType: 'HostKey' },
      });
    }
  });

  test('the oldest stays the one that DescribeServer shows', async () => {
    const { operations, control, HostKey, ServerId } = await installationWithServer();
    for (let count = 1; count < 10; count += 1) {
      await operations.ImportHostKey({ ServerId, HostKeyBody: newPrivateKey() }, ADMIN);
    }
    const { Server } = await operations.DescribeServer({ ServerId }, ADMIN);
    expect(Server?.HostKeyFingerprint).toBe(control.inspectHostKey(HostKey).fingerprint);
    const more = { ServerId, HostKeyBody: newPrivateKey() };
    expect((await refused(() => operations.ImportHostKey(more, ADMIN))).message).toBe(
      'A server has at most 10 host keys',
    );
  });

  test('the same key twice, no key, the last key: refused', async () => {
    const { operations, HostKey, ServerId } = await installationWithServer();
    const { HostKeys } = await operations.ListHostKeys({ ServerId }, ADMIN);
    const HostKeyId = HostKeys?.[0]?.HostKeyId;
    expect(
      await refused(() => operations.ImportHostKey({ ServerId, HostKeyBody: `${HostKey}\n` }, ADMIN)),
    ).toMatchObject({
      exception: 'ResourceExistsException',
      members: { Resource: HostKeyId, ResourceType: 'HostKey' },
    });
    const secret = HostKey.replace(/A/g, '!');
    const broken = await refused(() => operations.ImportHostKey({ ServerId, HostKeyBody: secret }, ADMIN));
    expect(broken).toMatchObject({
      exception: 'InvalidRequestException',
      message: 'HostKeyBody: is no private key',
    });
    expect(broken.message).not.toContain(secret.slice(40, 80));
    expect((await refused(() => operations.ImportHostKey({ ServerId, HostKeyBody: ' ' }, ADMIN))).message).toBe(
      'HostKeyBody: is empty',
    );
    expect((await refused(() => operations.DeleteHostKey({ ServerId, HostKeyId }, ADMIN))).exception).toBe(
      'InvalidRequestException',
    );
    expect((await operations.ListHostKeys({ ServerId }, ADMIN)).HostKeys).toEqual(HostKeys);
  });
});
