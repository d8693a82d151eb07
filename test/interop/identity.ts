// The keys and the user that servers and clients of the interoperability tests and benchmarks share, made by ssh-keygen,
// or by ourselves on a machine without OpenSSH.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { findProgram } from '../peers/peers.ts';
import { mustRun } from '../peers/process.ts';

export const KEY_TYPES = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-3072'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

export interface KeyFile {
  readonly type: KeyType;
  /** The private key, unencrypted. */
  readonly path: string;
  readonly publicPath: string;
  /** As in authorized_keys, without a comment. */
  readonly publicLine: string;
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly fingerprint: string;
}

export interface Identity {
  readonly user: string;
  readonly password: string;
  readonly hostKeys: Readonly<Record<KeyType, KeyFile>>;
  readonly userKeys: Readonly<Record<KeyType, KeyFile>>;
  /** A key that no server has and no user owns. */
  readonly strangerKey: KeyFile;
}

/** Makes all keys below `directory`. */
export async function makeIdentity(directory: string): Promise<Identity> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const all = async (kind: string): Promise<Record<KeyType, KeyFile>> => {
    const made = await Promise.all(KEY_TYPES.map(async (type) => makeKey(type, join(directory, `${kind}_${type}`))));
    return Object.fromEntries(made.map((key) => [key.type, key])) as Record<KeyType, KeyFile>;
  };
  const [hostKeys, userKeys, strangerKey] = await Promise.all([
    all('host'),
    all('user'),
    makeKey('ed25519', join(directory, 'stranger')),
  ]);
  return { user: 'tester', password: 'correct horse battery staple', hostKeys, userKeys, strangerKey };
}

async function makeKey(type: KeyType, path: string): Promise<KeyFile> {
  const keygen = findProgram('machine', 'ssh-keygen');
  if (keygen === null) return makeOwnKey(type, path);
  const [kind = '', bits] = type.split('-');
  const size = bits === undefined ? [] : ['-b', bits];
  await mustRun([...keygen, '-q', '-t', kind, ...size, '-N', '', '-C', '', '-f', path]);
  const publicPath = `${path}.pub`;
  const publicLine = readFileSync(publicPath, 'utf8').trim();
  const { stdout } = await mustRun([...keygen, '-l', '-f', publicPath]);
  return { type, path, publicPath, publicLine, fingerprint: stdout.split(' ')[1] ?? '' };
}

function makeOwnKey(type: KeyType, path: string): KeyFile {
  const { privateKey, publicKey } = type === 'rsa-3072' ? generatePrivateKey('rsa', 3072) : generatePrivateKey(type);
  const publicPath = `${path}.pub`;
  writeFileSync(path, privateKey, { mode: 0o600 });
  writeFileSync(publicPath, `${publicKey}\n`);
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`;
  return { type, path, publicPath, publicLine: publicKey, fingerprint };
}
