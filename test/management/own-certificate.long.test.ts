// The built server with a certificate of its own, as clients meet it that are given its file and nothing else.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AccessKeyRecord } from '../../src/state/records.ts';
import { handshake } from '../../src/tls/handshake.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { freePort, mustRun, runProgram, ServerProcess } from '../peers/process.ts';
import { API_CLIENTS } from './api-clients.ts';

const LATTICEPORT = [process.execPath, path.resolve(import.meta.dirname, '../../dist/cli/main.js')];

/** A program of an operator with the SDK: it knows an endpoint and has no setting of TLS. */
const SDK_PROGRAM = `
import { ListServersCommand, TransferClient } from ${JSON.stringify(import.meta.resolve('@aws-sdk/client-transfer'))};
const client = new TransferClient({ endpoint: process.argv[2], region: 'us-east-1', maxAttempts: 1 });
console.log(JSON.stringify((await client.send(new ListServersCommand({}))).Servers));
`;

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-own-'));
let port: number;
let key: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>;
let server: ServerProcess;

function logged(event: string): Record<string, unknown> | undefined {
  const line = server.lines.find((each) => each.includes(`"${event}"`));
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
}

async function serve(): Promise<void> {
  server = new ServerProcess([...LATTICEPORT, 'serve'], { cwd: folder });
  await server.line((line) => line.includes('"management.listening"'));
}

beforeAll(async () => {
  port = await freePort();
  mkdirSync(path.join(folder, 'data'));
  writeFileSync(path.join(folder, 'sdk.mjs'), SDK_PROGRAM);
  const config = {
    management: {
      // No address of this machine only, and no "tls".
      listen: { host: '0.0.0.0', port },
      servers: { host: '127.0.0.1' },
      storages: { data: { type: 'local', root: 'data' } },
      roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
    },
  };
  writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config), { mode: 0o600 });
  const made = await mustRun([...LATTICEPORT, 'access-key', 'create', '--json'], { cwd: folder });
  key = JSON.parse(made.stdout) as typeof key;
  await serve();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const certificateFile = path.join(folder, 'state', 'management-api.crt');

test('the log says what to trust', () => {
  const { fingerprint256 } = new X509Certificate(readFileSync(certificateFile));
  expect(logged('management.certificate-made')).toMatchObject({ file: certificateFile, fingerprint: fingerprint256 });
  const listening = { tls: true, caFile: certificateFile, fingerprint: fingerprint256 };
  expect(logged('management.listening')).toMatchObject(listening);
});

test('access-key create prints the variable that names it, and an address that the certificate is for', async () => {
  const { stdout } = await mustRun([...LATTICEPORT, 'access-key', 'create'], { cwd: folder });
  expect(stdout).toContain(`export AWS_CA_BUNDLE=${certificateFile}\n`);
  expect(stdout).toContain(`--endpoint-url https://localhost:${port}\n`);
});

describe('is trusted by', () => {
  for (const client of API_CLIENTS) {
    if (client.peer === null) continue;
    const missing = missingPeer(client.peer);
    const names = ['localhost', '127.0.0.1'];
    const name = `${client.name} with AWS_CA_BUNDLE${missing === null ? '' : ` (${missing})`}`;
    (missing === null ? test : test.skip)(name, async () => {
      for (const host of names) {
        const target = { endpoint: `https://${host}:${port}`, key, caFile: certificateFile };
        expect(await client.call(target, 'ListServers', {})).toMatchObject({ output: { Servers: [] } });
      }
    });
  }

  test('the SDK for JavaScript with NODE_EXTRA_CA_CERTS, and not without', async () => {
    const command = [process.execPath, 'sdk.mjs', `https://localhost:${port}`];
    const env = { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
    const trusting = { ...env, NODE_EXTRA_CA_CERTS: certificateFile };
    expect(await runProgram(command, { cwd: folder, env: trusting })).toMatchObject({ code: 0, stdout: '[]\n' });
    const stranger = await runProgram(command, { cwd: folder, env });
    expect(stranger).toMatchObject({ code: 1 });
    expect(stranger.stderr).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  test("Latticeport's own commands with AWS_CA_BUNDLE", async () => {
    const command = [...LATTICEPORT, 'server', 'list', '--json', '--endpoint-url', `https://localhost:${port}`];
    const env = {
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_CA_BUNDLE: certificateFile,
    };
    expect(await runProgram(command, { cwd: folder, env })).toMatchObject({ code: 0 });
  });

  const openssl = findPeer('openssl-machine');
  const missing = openssl === null ? ` (${String(missingPeer('openssl-machine'))})` : '';
  (openssl === null ? test.skip : test)(`openssl s_client, also by the name of the machine${missing}`, async () => {
    for (const host of ['localhost', hostname()]) {
      const checks = ['-CAfile', certificateFile, '-verify_return_error', '-verify_hostname', host];
      const command = [...(openssl?.command ?? []), 's_client', '-connect', `127.0.0.1:${port}`, ...checks];
      const finished = await runProgram(command, { input: '' });
      expect(finished.stdout).toContain('Verify return code: 0 (ok)');
    }
  });
});

test('a second start has the same, says for which hosts it is not, and can insist on post-quantum clients', async () => {
  const before = logged('management.listening');
  await server.stop();
  const file = path.join(folder, 'latticeport.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { management: { listen: object } };
  const tls = { hosts: ['sftp.example.org', 'localhost'], postQuantum: 'require' };
  config.management.listen = { ...config.management.listen, tls };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  await serve();
  expect(logged('management.listening')).toMatchObject({ fingerprint: before?.['fingerprint'] });
  expect(logged('management.certificate-made')).toBeUndefined();
  expect(logged('management.certificate-hosts')).toMatchObject({ hosts: ['sftp.example.org'] });
  const target = { host: '127.0.0.1', port };
  const ca = readFileSync(certificateFile);
  await expect(handshake({ ...target, context: { ca, ecdhCurve: 'X25519' } })).rejects.toThrow();
  expect(await handshake({ ...target, context: { ca } })).toMatchObject({ authorized: true, postQuantum: true });
});
