import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { KEYGEN_TYPES } from '../../crypto/keys/keygen-types.ts';
import { generatePrivateKey } from '../../crypto/keys/private-key.ts';
import type { GeneratedKey } from '../../crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../crypto/keys/public-key.ts';
import { CliError } from '../cli-error.ts';
import { newPassphrase } from './new-passphrase.ts';
import type { PassphraseOptions } from './new-passphrase.ts';

interface KeygenOptions extends PassphraseOptions {
  readonly type: string;
  readonly bits?: number;
  readonly comment: string;
  readonly force: boolean;
}

/** `latticeport keygen FILE`: a host key or user key, in OpenSSH's format, mode 0600. */
export function registerKeygenCommand(program: Command): void {
  program
    .command('keygen')
    .description('make a host key or user key: FILE and FILE.pub, in the format of OpenSSH')
    .argument('<file>', 'where the private key goes')
    .addOption(
      new Option('-t, --type <type>', 'key type').choices(KEYGEN_TYPES.map(({ option }) => option)).default('ed25519'),
    )
    .option('-b, --bits <bits>', sizesInWords(), parseBits)
    .option('-c, --comment <text>', 'comment in the public key', 'latticeport')
    .option('--passphrase', 'ask for a passphrase, and encrypt the private key with it', false)
    .option('--passphrase-file <file>', 'encrypt the private key with the first line of this file')
    .option('-f, --force', 'overwrite files that are there', false)
    .action(async (file: string, options: KeygenOptions) => {
      const publicFile = `${file}.pub`;
      for (const name of [file, publicFile]) {
        if (existsSync(name) && !options.force)
          throw new CliError(`${name} is there already (use --force to overwrite it)`);
      }
      const key = generate(options, await newPassphrase(options));
      try {
        writePrivate(file, key.privateKey, options.force);
        writeFileSync(publicFile, `${key.publicKey.trim()}\n`);
      } catch (error) {
        throw new CliError(`the key cannot be written: ${(error as Error).message}`);
      }
      const { fingerprint, type, bits } = parseAuthorizedKey(key.publicKey);
      process.stdout.write(`${file}: ${type} ${bits} ${fingerprint}\n`);
    });
}

/** At no moment can others read it, and where it cannot be written whole the old file stays. */
function writePrivate(file: string, text: string, overwrite: boolean): void {
  const written = overwrite ? `${file}.${randomBytes(6).toString('hex')}` : file;
  try {
    writeFileSync(written, text, { flag: 'wx', mode: 0o600 });
    if (overwrite) renameSync(written, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(written, { force: true });
    throw error;
  }
}

function generate({ type, bits, comment }: KeygenOptions, passphrase: string | undefined): GeneratedKey {
  const chosen = KEYGEN_TYPES.find(({ option }) => option === type);
  if (chosen === undefined) throw new CliError(`key type ${JSON.stringify(type)} is not supported`);
  const size = bits ?? chosen.defaultBits;
  const generated = chosen.generatedWith(size);
  if (generated === null) throw new CliError(`an ${type} key has ${chosen.sizes} bits`);
  return generatePrivateKey(generated, size, comment, passphrase);
}

/** "ecdsa: 256, 384 or 521 (default 256); …" of the types that leave a choice. */
function sizesInWords(): string {
  return KEYGEN_TYPES.filter(({ hasChoice }) => hasChoice)
    .map(({ option, sizes, defaultBits }) => `${option}: ${sizes} (default ${defaultBits})`)
    .join('; ');
}

function parseBits(text: string): number {
  const bits = Number(text);
  if (!Number.isInteger(bits) || bits <= 0) throw new InvalidArgumentError('expected a number of bits');
  return bits;
}
