// What particular clients do and others do not: one test for each, named after the client.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { findClientPreset } from '../../src/policy/client-presets.ts';
import { SSH_FXF, SSH_FX, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { startTestServer, type TestServer } from '../server/test-server.ts';
import { memoryView } from '../sftp/memory-view.ts';
import { SftpTestClient, statusOf } from '../sftp/sftp-test-client.ts';

const { WRITE, CREAT, EXCL } = SSH_FXF;

describe('sshfs', () => {
  test('sends LSTAT right behind the OPEN that creates a file, and gives up where it finds nothing', async () => {
    const client = await SftpTestClient.connect(memoryView().view);
    const opened = client.open('/new', WRITE | CREAT | EXCL);
    const looked = client.lstat('/new');
    const handle = await opened;
    expect((await looked).size).toBe(0);
    await client.write(handle, 0, Buffer.from('12345'));
    expect((await client.lstat('/new')).size).toBe(5);
    await client.close(handle);
    expect((await client.stat('/new')).size).toBe(5);
  });

  test('does not see a file of another name; another session finds the new file by its name', async () => {
    const { view } = memoryView();
    const writer = await SftpTestClient.connect(view);
    await writer.open('/new', WRITE | CREAT | EXCL);
    const other = await SftpTestClient.connect(view);
    const answer = await writer.request(SSH_FXP.LSTAT, (body) => body.string('/other'));
    expect(statusOf(answer).code).toBe(SSH_FX.NO_SUCH_FILE);
    expect((await other.lstat('/new')).size).toBe(0);
  });
});

describe('with the lists of a client that is not at hand', () => {
  const KYBER = [
    'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org',
    'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org',
    'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org',
    'x25519-kyber-512r3-sha256-d00@amazon.com',
  ];
  const MLKEM = ['mlkem768x25519-sha256', 'mlkem768nistp256-sha256', 'mlkem1024nistp384-sha384'];
  const USERAUTH_SUCCESS = 52;

  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await prepareKexMethods([...KYBER, ...MLKEM]);
  });
  afterAll(async () => {
    await server.stop();
  });

  interface Lists {
    readonly kex: readonly string[];
    readonly hostKeys: readonly string[];
    readonly ciphers: readonly string[];
    readonly macs: readonly string[];
  }

  function listsOf(preset: string): Lists {
    const { offer } = findClientPreset(preset) ?? { offer: undefined };
    if (offer === undefined) throw new Error(`no preset ${preset}`);
    const { kex, hostKeys, ciphersClientToServer: ciphers, macsClientToServer: macs } = offer;
    return { kex, hostKeys, ciphers, macs };
  }

  async function session(algorithms: Lists): Promise<SshTestClient> {
    const client = SshTestClient.connect(server.port, { algorithms });
    await client.startAuth();
    const key = parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));
    expect(await client.publicKey('demo', key, 'ssh-ed25519')).toBe(USERAUTH_SUCCESS);
    await SftpChannel.open(client);
    return client;
  }

  test.each([...KYBER, ...MLKEM])(
    'OQS OpenSSH: name-lists of more than 3.5 KB, %s asked for by name',
    async (method) => {
      const { kex, ...others } = listsOf('oqs-openssh');
      const more = Array.from(
        { length: 70 },
        (_, index) => `another-method-of-that-project-${index}@openquantumsafe.org`,
      );
      const whole = [method, ...kex.filter((name) => name !== method), ...more];
      expect(whole.join(',').length).toBeGreaterThan(3500);
      const client = await session({ kex: whole, ...others });
      const { negotiated } = await client.keyExchange();
      expect(negotiated.kex).toBe(method);
      const logged = server.log.filter(({ event }) => event === 'session.negotiated').at(-1)?.['kex'];
      expect(logged).toMatchObject({ method, publicBits: { client: (KEX_BY_NAME.get(method)?.initBytes ?? 0) * 8 } });
      client.end();
    },
  );

  test.each([
    ['wolfssh-1.4', 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org'],
    ['wolfssh-1.5', 'mlkem768x25519-sha256'],
  ])('%s: its first method, and MACs that are not encrypt-then-MAC', async (preset, method) => {
    const lists = listsOf(preset);
    const gcm = await session(lists);
    expect((await gcm.keyExchange()).negotiated).toMatchObject({
      kex: method,
      cipherClientToServer: 'aes256-gcm@openssh.com',
    });
    gcm.end();
    const ctr = await session({ ...lists, ciphers: lists.ciphers.filter((name) => name.endsWith('-ctr')) });
    expect((await ctr.keyExchange()).negotiated).toMatchObject({
      kex: method,
      cipherClientToServer: 'aes256-ctr',
      macClientToServer: 'hmac-sha2-256',
    });
    ctr.end();
  });
});

describe('paramiko', () => {
  test('asks for a whole file at once, and far past its end', async () => {
    const client = await SftpTestClient.connect(memoryView().view);
    const data = Buffer.alloc(300_000, 7);
    await client.put('/file', data);
    const handle = await client.open('/file', SSH_FXF.READ);
    const blocks = await Promise.all(
      Array.from({ length: 5000 }, async (_, index) => client.read(handle, index * 32_768, 32_768)),
    );
    expect(Buffer.concat(blocks.filter((block) => block !== undefined))).toEqual(data);
    expect(blocks.filter((block) => block === undefined)).toHaveLength(5000 - Math.ceil(data.length / 32_768));
  });
});

describe('PuTTY', () => {
  test('goes away unless the version is 3 or less, whatever it is told of extensions', async () => {
    const client = new SftpTestClient(memoryView().view);
    await client.init(3);
    expect(client.version).toBe(3);
  });
});

describe('FileZilla', () => {
  test('refuses a listing whose long names are empty or do not hold the name', async () => {
    const client = await SftpTestClient.connect(memoryView().view);
    await client.put('/a file', Buffer.from('x'));
    await client.mkdir('/folder');
    const names = await client.list('/');
    expect(names.map(({ name }) => name).toSorted()).toEqual(expect.arrayContaining(['a file', 'folder']));
    for (const { name, longName } of names) {
      expect(longName).toMatch(/^[-dl][-rwxsStT]{9} +\d+ +\S+ +\S+ +\d+ +\w{3} +\d+ +[\d:]+ /);
      expect(longName.endsWith(` ${name}`)).toBe(true);
    }
  });
});
