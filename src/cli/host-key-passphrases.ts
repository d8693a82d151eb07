import { readFileSync } from 'node:fs';
import type { LoadedConfig } from '../config/load.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { needsPassphrase, parsePrivateKey } from '../crypto/keys/private-key.ts';
import type { HostKeyPassphrases } from '../server/host-keys.ts';
import { CliError } from './cli-error.ts';
import { canPrompt, promptUnseen } from './prompt-unseen.ts';

const ATTEMPTS = 3;

/**
 * Asks for the passphrases of encrypted host keys where the configuration names no file and somebody sits at a terminal. One that
 * opens several keys is asked for once. Rejects with CliError after the third wrong one.
 */
export async function askForPassphrases({ config }: LoadedConfig): Promise<HostKeyPassphrases> {
  const passphrases = new Map<string, string>();
  if (config.hostKeyPassphraseFile !== undefined || !canPrompt()) return passphrases;
  for (const file of config.hostKeys) {
    const text = encryptedKey(file);
    if (text === null) continue;
    const known = [...passphrases.values()].find((passphrase) => opens(text, passphrase));
    passphrases.set(file, known ?? (await ask(file, text)));
  }
  return passphrases;
}

async function ask(file: string, text: string): Promise<string> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const passphrase = await promptUnseen(`Passphrase of ${file}: `);
    if (opens(text, passphrase)) return passphrase;
    process.stderr.write('Wrong passphrase.\n');
  }
  throw new CliError(`${file}: wrong passphrase`);
}

function opens(text: string, passphrase: string): boolean {
  try {
    parsePrivateKey(text, passphrase);
    return true;
  } catch (error) {
    if (error instanceof KeyFormatError) return false;
    throw error;
  }
}

/** The text of a file whose key is encrypted. What is wrong with others is said when they are loaded. */
function encryptedKey(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8');
    return needsPassphrase(text) ? text : null;
  } catch {
    return null;
  }
}
