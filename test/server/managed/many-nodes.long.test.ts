// Two nodes on one PostgreSQL and one bucket, behind a TCP balancer, as an operator and OpenSSH's sftp see them.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey, type GeneratedKey } from '../../../src/crypto/keys/private-key.ts';
import { missingPeer } from '../../peers/peers.ts';
import { radosgw } from '../../peers/s3-endpoints.ts';
import { credentials, region, TestBucket } from '../../storage/s3/s3-server.ts';
import { findSftp } from '../openssh-sftp.ts';
import { Balancer } from './balancer.ts';
import { eventually, NodeSite, ROLE, type Node, type SftpCall } from './node-site.ts';

const MIB = 1024 * 1024;
const client = findSftp();
const missing = missingPeer('postgresql') ?? radosgw.missing ?? (client === null ? missingPeer('openssh-10') : null);

(missing === null ? describe : describe.skip)(
  `two nodes behind a balancer${missing === null ? '' : ` (${missing})`}`,
  () => {
    let site: NodeSite;
    let bucket: TestBucket;
    let balancer: Balancer;
    let [a, b] = [] as unknown as [Node, Node];
    let ServerId: unknown;

    beforeAll(async () => {
      if (client === null) throw new Error('no sftp');
      bucket = await TestBucket.create(radosgw.endpoint ?? '');
      site = new NodeSite(client);
      await site.start(['127.0.0.2', '127.0.0.3'], {
        ...{ type: 's3', bucket: bucket.name, region, endpoint: bucket.endpoint, credentials: credentials() },
        spoolDirectory: bucket.spoolDirectory,
        partBytes: 5 * MIB,
        partialUploads: 'discard',
      });
      [a, b] = site.nodes as unknown as [Node, Node];
      ({ ServerId } = await a.call('CreateServer', {}));
      balancer = await Balancer.start([a, b].map(({ host }) => ({ host, port: site.sftpPort })));
    });

    afterAll(async () => {
      await balancer.stop();
      await site.end();
      await bucket.destroy();
    });

    async function createUser(node: Node, UserName: string, { publicKey }: GeneratedKey): Promise<void> {
      const HomeDirectory = `/files/${UserName}`;
      await node.call('CreateUser', { ServerId, UserName, Role: ROLE, HomeDirectory, SshPublicKeyBody: publicKey });
    }

    const through = (node: Node, user: string, key: GeneratedKey): SftpCall => ({
      ...{ host: node.host, port: site.sftpPort, user, key },
    });
    const balanced = (user: string, key: GeneratedKey): SftpCall => ({
      ...{ host: '127.0.0.1', port: balancer.port, user, key },
    });
    const letsIn = async (node: Node, user: string, key: GeneratedKey): Promise<boolean> =>
      (await site.sftp(through(node, user, key), 'pwd\n')).code === 0;
    const userOn = async (node: Node, UserName: string): Promise<Readonly<Record<string, unknown>>> =>
      (await node.call('DescribeUser', { ServerId, UserName }))['User'] as Readonly<Record<string, unknown>>;
    /** Waits until both nodes have let the user in. */
    async function knownOnBoth(user: string, key: GeneratedKey): Promise<void> {
      for (const node of [a, b])
        await eventually(() => letsIn(node, user, key), `${user} logs in through ${node.host}`);
    }

    /** An upload of 64 MiB that takes half a minute, from the moment on at which the node has opened the file. */
    async function slowUpload(node: Node, user: string, key: GeneratedKey): Promise<ReturnType<NodeSite['startSftp']>> {
      const from = node.log().length;
      const file = site.file(`slow-${user}`, randomBytes(64 * MIB));
      const sftp = site.startSftp({ ...through(node, user, key), arguments: ['-l', '16000'] }, `put ${file} slow\n`);
      await eventually(
        () =>
          node
            .log()
            .slice(from)
            .some(({ event, user: who }) => event === 'sftp.open' && who === user),
        'the upload has begun',
      );
      return sftp;
    }

    test('a server made on one node is open on both, and is one host to a client', async () => {
      const described = (node: Node): Promise<unknown> => node.call('DescribeServer', { ServerId });
      expect(await described(a)).toMatchObject({ Server: { State: 'ONLINE' } });
      await eventually(
        async () => ((await described(b)) as { Server: { State: string } }).Server.State === 'ONLINE',
        'the other node has opened the port',
      );
      expect(await described(b)).toEqual(await described(a));

      const key = generatePrivateKey('ed25519');
      await createUser(a, 'anna', key);
      await knownOnBoth('anna', key);
      const sent = site.file('sent', randomBytes(6 * MIB));
      await site.mustSftp(through(a, 'anna', key), `put ${sent} through-a\n`);
      const received = path.join(site.folder, 'received');
      await site.mustSftp(through(b, 'anna', key), `get through-a ${received}\nrename through-a through-b\n`);
      expect(readFileSync(received).equals(readFileSync(sent))).toBe(true);
      expect(await site.mustSftp(through(a, 'anna', key), 'ls -1\n')).toMatch(/^through-b$/m);

      const before = balancer.taken.length;
      for (let login = 0; login < 4; login += 1) await site.mustSftp(balanced('anna', key), 'ls\n');
      expect(new Set(balancer.taken.slice(before))).toEqual(new Set([a.host, b.host]));
    });

    test('what one node has answered the other knows with the next call', async () => {
      const UserName = 'gina';
      for (let round = 0; round < 20; round += 1) {
        await createUser(a, UserName, generatePrivateKey('ed25519'));
        expect(await userOn(b, UserName)).toMatchObject({ UserName });
        await b.call('DeleteUser', { ServerId, UserName });
        expect(await a.outcome('DescribeUser', { ServerId, UserName })).toMatchObject({
          exception: 'ResourceNotFoundException',
        });
      }
    });

    test('a key added on one node works on the other, and one taken away is refused there', async () => {
      const [first, second] = [generatePrivateKey('ed25519'), generatePrivateKey('ecdsa-256')];
      await createUser(a, 'bert', first);
      await eventually(() => letsIn(b, 'bert', first), 'the user logs in through the other node');
      const user = { ServerId, UserName: 'bert' };
      await b.call('ImportSshPublicKey', { ...user, SshPublicKeyBody: second.publicKey });
      await eventually(() => letsIn(a, 'bert', second), 'the new key works on the other node');
      const keys = (await userOn(b, 'bert'))['SshPublicKeys'] as { SshPublicKeyId: string; SshPublicKeyBody: string }[];
      const old = keys.find(({ SshPublicKeyBody }) => SshPublicKeyBody === first.publicKey);
      await b.call('DeleteSshPublicKey', { ...user, SshPublicKeyId: old?.SshPublicKeyId });
      await eventually(async () => !(await letsIn(a, 'bert', first)), 'the old key is refused on the other node');
      expect(await letsIn(a, 'bert', second)).toBe(true);
    });

    test('a user disabled on one node is refused on the other, where the open session ends', async () => {
      const key = generatePrivateKey('ed25519');
      await createUser(b, 'carl', key);
      await knownOnBoth('carl', key);
      const upload = await slowUpload(b, 'carl', key);
      const { Arn } = await userOn(a, 'carl');
      await a.call('TagResource', { Arn, Tags: [{ Key: 'latticeport:disabled', Value: 'true' }] });
      await eventually(() => !upload.running, 'the session on the other node has ended');
      expect(upload.end).not.toBe('exit status 0');
      for (const node of [a, b]) {
        const { code, stderr } = await site.sftp(through(node, 'carl', key), 'ls\n');
        expect([code, stderr]).toEqual([255, expect.stringContaining('Permission denied')]);
      }
    });

    test('a server stopped or started on one node is so on the other', async () => {
      const key = generatePrivateKey('ed25519');
      await createUser(a, 'fred', key);
      await knownOnBoth('fred', key);
      const refuses = async (node: Node): Promise<boolean> =>
        (await site.sftp(through(node, 'fred', key), 'ls\n')).stderr.includes('Connection refused');
      await b.call('StopServer', { ServerId });
      await eventually(() => refuses(a), 'the port is closed on the other node');
      await a.call('StartServer', { ServerId });
      await knownOnBoth('fred', key);
    });

    test('a node that is killed takes its own sessions with it and nothing else, and comes back up to date', async () => {
      const key = generatePrivateKey('ed25519');
      await createUser(a, 'dora', key);
      await knownOnBoth('dora', key);
      const [ofA, ofB] = [site.file('of-a', randomBytes(24 * MIB)), await slowUpload(b, 'dora', key)];
      const goesOn = site.startSftp({ ...through(a, 'dora', key), arguments: ['-l', '48000'] }, `put ${ofA} of-a\n`);

      await b.process.stop('SIGKILL');
      await eventually(() => !ofB.running, 'the client of the killed node has noticed');
      expect(ofB.end).not.toBe('exit status 0');
      await eventually(() => !goesOn.running, 'the upload through the other node is complete');
      expect(goesOn.end).toBe('exit status 0');
      const later = generatePrivateKey('ed25519');
      await createUser(a, 'emil', later);
      // The client's next attempt is all that the balancer needs.
      for (let login = 0; login < 3; login += 1) await site.mustSftp(balanced('emil', later), `put ${ofA} of-a\n`);
      expect((await a.readiness()).status).toBe(200);

      await b.start();
      expect((await b.readiness()).status).toBe(200);
      expect(await letsIn(b, 'emil', later)).toBe(true);
      const back = path.join(site.folder, 'back');
      await site.mustSftp(through(b, 'dora', key), `get of-a ${back}\n`);
      expect(readFileSync(back).equals(readFileSync(ofA))).toBe(true);
      // What the killed node had not acknowledged is not there.
      expect(await site.mustSftp(through(b, 'dora', key), 'ls -1\n')).not.toMatch(/^slow$/m);
    });
  },
);
