import { expect, test } from '@jest/globals';
import {
  createAccessKey,
  deleteAccessKey,
  disableAccessKey,
  listAccessKeys,
  UnknownAccessKey,
} from '../../src/management/access-keys.ts';
import { MemoryState } from './operations/memory-state.ts';

const AUTHOR = { accessKeyId: 'latticeport', remoteAddress: '' };

test('a key is made, listed without its secret, disabled, deleted', async () => {
  const store = new MemoryState();
  const serverTag = { Key: 'team', Value: 'north' };
  const made = await createAccessKey(store, AUTHOR, { role: 'operator', serverTag, description: 'CI' }, 1000);
  expect(made.accessKeyId).toMatch(/^LPAK[A-Z2-7]{16}$/);
  expect(made.secretAccessKey).toMatch(/^[A-Za-z0-9]{40}$/);
  const other = await createAccessKey(store, AUTHOR, { role: 'admin' }, 2000);
  expect(other.accessKeyId).not.toBe(made.accessKeyId);
  expect(other.secretAccessKey).not.toBe(made.secretAccessKey);

  expect(listAccessKeys(store).map(({ accessKeyId }) => accessKeyId)).toEqual([made.accessKeyId, other.accessKeyId]);
  expect(listAccessKeys(store)[0]).toEqual({
    accessKeyId: made.accessKeyId,
    role: 'operator',
    serverTag,
    description: 'CI',
    createdAt: 1000,
    disabled: false,
    revision: 1,
  });
  expect(store.snapshot.accessKeys.get(made.accessKeyId)?.secretAccessKey).toBe(made.secretAccessKey);

  await disableAccessKey(store, AUTHOR, made.accessKeyId);
  await disableAccessKey(store, AUTHOR, made.accessKeyId);
  expect(listAccessKeys(store).map(({ disabled }) => disabled)).toEqual([true, false]);
  await deleteAccessKey(store, AUTHOR, made.accessKeyId);
  expect(listAccessKeys(store).map(({ accessKeyId }) => accessKeyId)).toEqual([other.accessKeyId]);
  for (const change of [disableAccessKey, deleteAccessKey]) {
    await expect(change(store, AUTHOR, made.accessKeyId)).rejects.toThrow(UnknownAccessKey);
  }

  const trail = await store.auditTrail({ limit: 10 });
  expect(trail.map(({ operation, resource }) => [operation, resource])).toEqual([
    ['DeleteAccessKey', made.accessKeyId],
    ['DisableAccessKey', made.accessKeyId],
    ['CreateAccessKey', other.accessKeyId],
    ['CreateAccessKey', made.accessKeyId],
  ]);
  expect(JSON.stringify(trail)).not.toContain(made.secretAccessKey);
  expect(JSON.stringify(trail)).not.toContain(other.secretAccessKey);
});
