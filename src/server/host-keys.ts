import { readFileSync, statSync } from 'node:fs';
import type { PrivateKey } from '../crypto/keys/key.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { parsePrivateKey } from '../crypto/keys/private-key.ts';
import { ConfigError } from '../policy/config-error.ts';

/** Reads the host keys that a configuration names. Throws ConfigError naming the one that cannot be used. */
export function loadHostKeys(files: readonly string[], configFile: string): PrivateKey[] {
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
    // Another user of the machine who can read a host key can impersonate the server. A file of somebody else's (a secret
    // that root mounts into a container for our group) may be readable by the group: that is how we read it.
    const { mode, uid } = statSync(file);
    if ((mode & (uid === process.getuid?.() ? 0o077 : 0o007)) !== 0) {
      throw new ConfigError(configFile, at, `${file} can be read by others: run chmod 600 on it`);
    }
    try {
      return parsePrivateKey(text);
    } catch (error) {
      if (error instanceof KeyFormatError) throw new ConfigError(configFile, at, `${file}: ${error.message}`);
      throw error;
    }
  });
}
