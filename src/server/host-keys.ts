import { readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { PrivateKey } from '../crypto/keys/key.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { parsePrivateKey } from '../crypto/keys/private-key.ts';
import { ConfigError } from '../policy/config-error.ts';

/** By file, the passphrases of encrypted host keys that somebody was asked for. */
export type HostKeyPassphrases = ReadonlyMap<string, string>;

/**
 * Reads the host keys that a configuration names, and where it names one, the file with the passphrase of those that are
 * encrypted. Throws ConfigError naming the one that cannot be used.
 */
export function loadHostKeys(
  files: readonly string[],
  configFile: string,
  passphraseFile?: string,
  asked: HostKeyPassphrases = new Map(),
): PrivateKey[] {
  const passphrase = passphraseFile === undefined ? undefined : readPassphrase(passphraseFile, configFile);
  return files.map((file, index) => {
    const at = `$.hostKeys[${index}]`;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new ConfigError(configFile, at, `host key cannot be read: ${(error as Error).message}`);
    }
    if (/^(ssh-|ecdsa-)/.test(text)) {
      throw new ConfigError(configFile, at, `${file} is a public key: name the private one, beside it without .pub`);
    }
    refuseOpenFile(file, configFile, at);
    try {
      return parsePrivateKey(text, passphrase ?? asked.get(file));
    } catch (error) {
      if (error instanceof KeyFormatError) throw new ConfigError(configFile, at, `${file}: ${error.message}`);
      throw error;
    }
  });
}

/** The first line of the file. */
function readPassphrase(file: string, configFile: string): string {
  const at = '$.hostKeyPassphraseFile';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(configFile, at, `passphrase cannot be read: ${(error as Error).message}`);
  }
  refuseOpenFile(file, configFile, at);
  const [passphrase = ''] = text.split(/\r?\n/);
  if (passphrase === '') throw new ConfigError(configFile, at, `${file} has an empty first line`);
  return passphrase;
}

/**
 * Another user of the machine who can read a private key can impersonate the server. Throws ConfigError for such a file. A file of somebody else's (a secret that root
 * mounts into a container for our group) may be readable by the group: that is how we read it.
 */
export function refuseOpenFile(file: string, configFile: string, at: string): void {
  let stats: Stats;
  try {
    stats = statSync(file);
  } catch (error) {
    throw new ConfigError(configFile, at, `${file} cannot be read: ${(error as Error).message}`);
  }
  const { mode, uid } = stats;
  if ((mode & (uid === process.getuid?.() ? 0o077 : 0o007)) !== 0) {
    throw new ConfigError(configFile, at, `${file} can be read by others: run chmod 600 on it`);
  }
}
