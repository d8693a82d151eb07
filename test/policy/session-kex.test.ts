import { describe, expect, test } from '@jest/globals';
import { findClientPreset } from '../../src/policy/client-presets.ts';
import { looksPostQuantum } from '../../src/policy/pq-names.ts';
import { describeKex, type NegotiatedSession } from '../../src/policy/session-kex.ts';
import { builtIn } from './policy-files.ts';

const server = builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$').algorithms;

function session(kex: string): NegotiatedSession {
  return {
    kex,
    hostKey: 'ssh-ed25519',
    cipherClientToServer: 'aes256-gcm@openssh.com',
    cipherServerToClient: 'aes256-ctr',
    macClientToServer: null,
    macServerToClient: 'hmac-sha2-256-etm@openssh.com',
    strictKex: true,
    publicBytes: { client: 1216, server: 1120 },
    clientVersion: 'SSH-2.0-Test_1',
  };
}

describe('describeKex', () => {
  test('a hybrid', () => {
    expect(describeKex(session('mlkem768x25519-sha256'), findClientPreset('openssh-10')!.offer, server)).toEqual({
      method: 'mlkem768x25519-sha256',
      family: 'pq-hybrid',
      pq: 'ml-kem',
      classical: 'X25519',
      publicBits: { client: 9728, server: 8960 },
      cipher: { clientToServer: 'aes256-gcm@openssh.com', serverToClient: 'aes256-ctr' },
      mac: { clientToServer: null, serverToClient: 'hmac-sha2-256-etm@openssh.com' },
      hostKey: 'ssh-ed25519',
      clientVersion: 'SSH-2.0-Test_1',
      strictKex: true,
      betterPqAvailable: false,
      insistedOver: null,
      clientOfferedPq: true,
      pqPossible: true,
    });
  });

  test.each<[what: string, clientKex: string[], better: boolean, offered: boolean, possible: boolean]>([
    ['the client has none', ['curve25519-sha256', 'ext-info-c'], false, false, false],
    ['the client prefers the classical one', ['curve25519-sha256', 'mlkem768x25519-sha256'], true, true, true],
    ['the client offers one that we do not know', ['frodokem-640-aes-sha256', 'curve25519-sha256'], false, true, false],
  ])('a classical exchange where %s', (_what, kex, betterPqAvailable, clientOfferedPq, pqPossible) => {
    const described = describeKex(session('curve25519-sha256'), { kex }, server);
    expect(described).toMatchObject({ family: 'classical', pq: null, betterPqAvailable, clientOfferedPq, pqPossible });
  });

  test.each([
    ['the client prefers a classical one', ['curve25519-sha256', 'mlkem768x25519-sha256'], 'curve25519-sha256'],
    ['the client prefers it', ['mlkem768x25519-sha256', 'curve25519-sha256'], null],
    ['the classical one is nothing that the server has', ['ecdh-sha2-1.3.132.0.10', 'mlkem768x25519-sha256'], null],
    ['the client prefers another hybrid', ['sntrup761x25519-sha512', 'mlkem768x25519-sha256'], null],
  ])('a hybrid where %s', (_what, kex, over) => {
    expect(describeKex(session('mlkem768x25519-sha256'), { kex }, server).insistedOver).toBe(over);
  });

  test('a hybrid that the server does not list is possible, but not available', () => {
    const old = builtIn.require('TransferSecurityPolicy-2018-11', 'test', '$').algorithms;
    const described = describeKex(session('curve25519-sha256'), findClientPreset('openssh-9.2')!.offer, old);
    expect(described).toMatchObject({ betterPqAvailable: false, clientOfferedPq: true, pqPossible: true });
  });
});

test.each([
  ['mlkem768-sha256', true],
  ['ecdh-nistp256-ml-kem-512-sha256@openquantumsafe.org', true],
  ['ecdh-sha2-nistp256-kyber-512-sha256', true],
  ['sntrup4591761x25519-sha512@tinyssh.org', true],
  ['curve25519-sha256@libssh.org', false],
  ['curve448-sha512', false],
  ['diffie-hellman-group-exchange-sha256', false],
  ['ext-info-c', false],
])('%s is post-quantum: %s', (name, expected) => {
  expect(looksPostQuantum(name)).toBe(expected);
});
