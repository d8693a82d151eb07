// OPENDIR on a store in the network: what is wrong shows at once, and later pages come when they are wanted.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXP } from '../../../../src/sftp/protocol.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { READ_WRITE } from '../../../../src/vfs/permissions.ts';
import { UserView } from '../../../../src/vfs/user-view.ts';
import { SftpTestClient, statusOf } from '../../../sftp/sftp-test-client.ts';
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { CountingStore, ENDLESS } from '../counting-store.ts';
import { storePath } from '../../store-path.ts';

describe('OPENDIR', () => {
  let double: CountingStore;
  let proxy: FaultProxy;
  let store: S3Store;
  let client: SftpTestClient;

  beforeEach(async () => {
    double = await CountingStore.start();
    proxy = await FaultProxy.start(double.endpoint);
    store = await S3Store.open({
      bucket: 'bucket',
      prefix: ENDLESS,
      region: 'us-east-1',
      endpoint: proxy.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      sweep: false,
      listTimes: 'upload',
      retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
    });
    const directories = [{ entry: '/', store, path: storePath('') }];
    client = await SftpTestClient.connect(new UserView({ directories, permissions: READ_WRITE, userName: 'tester' }));
  });
  afterEach(async () => {
    await client.session.abort('the test is over');
    await store.close();
    await proxy.stop();
    await double.stop();
  });

  test('fails while the store is down, of the root too', async () => {
    proxy.down = true;
    const answer = await client.request(SSH_FXP.OPENDIR, (w) => w.string('/'));
    expect(statusOf(answer)).toMatchObject({
      code: SSH_FX.FAILURE,
      message: expect.stringMatching(/storage did not answer/),
    });
    expect(client.session.openHandles).toBe(0);
  });

  test('asks for one page and the next, and reads a whole directory with a request for each page', async () => {
    double.listed = 5_500;
    const handle = await client.opendir('/');
    expect(proxy.seen.filter(({ operation }) => operation === 'ListObjectsV2').length).toBeLessThanOrEqual(2);
    const names: string[] = [];
    for (let page = await client.readdir(handle); page !== undefined; page = await client.readdir(handle)) {
      names.push(...page.map(({ name }) => name));
    }
    expect(names).toHaveLength(5_502);
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(Array(6).fill('ListObjectsV2'));
    await client.close(handle);
  });

  test('a listing that is closed early leaves nothing open', async () => {
    double.listed = 5_500;
    const handle = await client.opendir('/');
    await client.readdir(handle);
    await client.close(handle);
    expect(client.session.openHandles).toBe(0);
    expect(proxy.seen.length).toBeLessThanOrEqual(3);
  });
});
