import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach } from '@jest/globals';
import { loadPolicies } from '../../src/policy/catalogue.ts';
import { ConfigError } from '../../src/policy/config-error.ts';

export const BUILT_IN = resolve(import.meta.dirname, '../../security-policies');

export const builtIn = loadPolicies([BUILT_IN]);

export interface PolicyJson {
  $schema?: string;
  Description?: string;
  Origin?: string;
  SecurityPolicy: Record<string, unknown>;
}

/** A sound policy file, with changes to its `SecurityPolicy`; a key that is undefined is left out. */
export function policyJson(changes: Record<string, unknown> = {}): PolicyJson {
  return {
    SecurityPolicy: {
      SecurityPolicyName: 'TransferSecurityPolicy-Test',
      Fips: false,
      Type: 'SERVER',
      Protocols: ['SFTP'],
      SshCiphers: ['aes256-gcm@openssh.com', 'aes256-ctr'],
      SshKexs: ['mlkem768x25519-sha256', 'curve25519-sha256'],
      SshMacs: ['hmac-sha2-256-etm@openssh.com'],
      SshHostKeyAlgorithms: ['ssh-ed25519'],
      ...changes,
    },
  };
}

/** The ConfigError that `action` throws; fails the test for anything else. */
export function configErrorOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no ConfigError was thrown');
}

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A fresh directory that holds these files; removed after the test. */
export function policyDirectory(files: Record<string, unknown> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'latticeport-policies-'));
  made.push(directory);
  for (const [name, content] of Object.entries(files)) writePolicy(directory, name, content);
  return directory;
}

export function writePolicy(directory: string, name: string, content: unknown): string {
  const file = join(directory, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}
