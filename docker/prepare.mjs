// Makes what the composed endpoint needs, once: host keys, a user with keys and a password, the configuration, and the bucket.
//
//   usage: node prepare.mjs DIR
//   env:   S3_ENDPOINT, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY  the store; without S3_ENDPOINT: DIR/files
//          LISTEN_HOST, LISTEN_PORT, METRICS_PORT                             default: 0.0.0.0, 2222, 9464
//          SPOOL_DIRECTORY                                                    for uploads out of order; default: in /tmp
//
// DIR gets latticeport.json; identity.json, which test/interop/run.ts --identity reads; and login/, all that a person needs to
// log in: the user's key and a known_hosts file for 127.0.0.1 and localhost. What is there already is kept.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MAIN = resolve(import.meta.dirname, '../dist/cli/main.js');
const KEY_TYPES = {
  ed25519: ['-t', 'ed25519'],
  'ecdsa-256': ['-t', 'ecdsa', '-b', '256'],
  'ecdsa-384': ['-t', 'ecdsa', '-b', '384'],
  'ecdsa-521': ['-t', 'ecdsa', '-b', '521'],
  'rsa-3072': ['-t', 'rsa', '-b', '3072'],
};
const directory = resolve(process.argv[2] ?? '.');
const { S3_ENDPOINT, S3_BUCKET = 'latticeport', AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
const { SPOOL_DIRECTORY, LISTEN_HOST = '0.0.0.0' } = process.env;
const PORT = Number(process.env.LISTEN_PORT ?? 2222);

mkdirSync(directory, { recursive: true });
if (!existsSync(join(directory, 'latticeport.json'))) makeEverything();
if (!existsSync(join(directory, 'login'))) makeLogin();
if (S3_ENDPOINT !== undefined) await makeBucket();

function makeEverything() {
  const user = 'tester';
  const password = randomBytes(12).toString('base64url');
  const hostKeys = makeKeys('host');
  const userKeys = makeKeys('user');
  const identity = { user, password, hostKeys, userKeys, strangerKey: makeKey('stranger', 'ed25519') };
  writeFileSync(join(directory, 'identity.json'), JSON.stringify(identity, null, 2), { mode: 0o600 });
  const config = {
    listen: { host: LISTEN_HOST, port: PORT },
    // For the health check and for Prometheus; docker-compose.yml publishes it on this machine only.
    metrics: { host: LISTEN_HOST, port: Number(process.env.METRICS_PORT ?? 9464) },
    // docker-compose.yml gives more before it kills: stop_grace_period.
    shutdown: { drainSeconds: 60 },
    hostKeys: Object.values(hostKeys).map(({ path }) => path),
    storage:
      S3_ENDPOINT === undefined
        ? { type: 'local', root: join(directory, 'files') }
        : {
            type: 's3',
            endpoint: S3_ENDPOINT,
            bucket: S3_BUCKET,
            credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
            ...(SPOOL_DIRECTORY === undefined ? {} : { spoolDirectory: SPOOL_DIRECTORY }),
          },
    users: [
      {
        name: user,
        publicKeys: Object.values(userKeys).map(({ publicLine }) => publicLine),
        passwordHash: run(['hash-password'], `${password}\n`).trim(),
        home: '/',
      },
    ],
    // All clients of the interoperability tests come from one address.
    limits: { connectionsPerSecondPerSource: 0 },
  };
  writeFileSync(join(directory, 'latticeport.json'), JSON.stringify(config, null, 2), { mode: 0o600 });
}

function makeLogin() {
  const { userKeys, hostKeys } = JSON.parse(readFileSync(join(directory, 'identity.json'), 'utf8'));
  const folder = join(directory, 'login');
  mkdirSync(folder, { mode: 0o700 });
  copyFileSync(userKeys.ed25519.path, join(folder, 'key'));
  const lines = Object.values(hostKeys).flatMap(({ publicLine }) =>
    ['127.0.0.1', 'localhost'].map((host) => `[${host}]:${PORT} ${publicLine}\n`),
  );
  writeFileSync(join(folder, 'known_hosts'), lines.join(''));
}

function makeKeys(kind) {
  return Object.fromEntries(Object.keys(KEY_TYPES).map((type) => [type, makeKey(`${kind}_${type}`, type)]));
}

function makeKey(name, type) {
  const path = join(directory, name);
  run(['keygen', ...KEY_TYPES[type], path]);
  const publicPath = `${path}.pub`;
  const publicLine = readFileSync(publicPath, 'utf8').trim().split(' ').slice(0, 2).join(' ');
  const digest = createHash('sha256')
    .update(Buffer.from(publicLine.split(' ')[1], 'base64'))
    .digest('base64');
  return { type, path, publicPath, publicLine, fingerprint: `SHA256:${digest.replace(/=+$/, '')}` };
}

function run(words, input) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`latticeport ${words[0]}: ${stderr}`);
  return stdout;
}

async function makeBucket() {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint: S3_ENDPOINT, region: 'us-east-1', forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: S3_BUCKET }));
  } catch (error) {
    if (error.name !== 'BucketAlreadyOwnedByYou' && error.name !== 'BucketAlreadyExists') throw error;
  } finally {
    client.destroy();
  }
}
