import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { generatePrivateKey } from '../../crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../crypto/keys/public-key.ts';
import { CliError } from '../cli-error.ts';

const TYPES = ['ed25519', 'ecdsa', 'rsa'] as const;
type KeygenType = (typeof TYPES)[number];

const ECDSA_BY_BITS = new Map([
  [256, 'ecdsa-256'],
  [384, 'ecdsa-384'],
  [521, 'ecdsa-521'],
] as const);

interface KeygenOptions {
  readonly type: KeygenType;
  readonly bits?: number;
  readonly comment: string;
  readonly force: boolean;
}

/** `latticeport keygen FILE`: a host key or user key, in OpenSSH's format, unencrypted, mode 0600. */
export function registerKeygenCommand(program: Command): void {
  program
    .command('keygen')
    .description('make a host key or user key: FILE and FILE.pub, in the format of OpenSSH')
    .argument('<file>', 'where the private key goes')
    .addOption(new Option('-t, --type <type>', 'key type').choices(TYPES).default('ed25519'))
    .option('-b, --bits <bits>', 'ecdsa: 256, 384 or 521 (default 256); rsa: 2048 to 16384 (default 3072)', parseBits)
    .option('-c, --comment <text>', 'comment in the public key', 'latticeport')
    .option('-f, --force', 'overwrite files that are there', false)
    .action((file: string, options: KeygenOptions) => {
      const publicFile = `${file}.pub`;
      for (const name of [file, publicFile]) {
        if (existsSync(name) && !options.force)
          throw new CliError(`${name} is there already (use --force to overwrite it)`);
      }
      const key = generate(options);
      try {
        writeFileSync(file, key.privateKey, { mode: 0o600 });
        chmodSync(file, 0o600);
        writeFileSync(publicFile, `${key.publicKey.trim()}\n`);
      } catch (error) {
        throw new CliError(`the key cannot be written: ${(error as Error).message}`);
      }
      const { fingerprint, type, bits } = parseAuthorizedKey(key.publicKey);
      process.stdout.write(`${file}: ${type} ${bits} ${fingerprint}\n`);
    });
}

function generate({ type, bits, comment }: KeygenOptions): ReturnType<typeof generatePrivateKey> {
  switch (type) {
    case 'ed25519':
      if (bits !== undefined && bits !== 256) throw new CliError('an ed25519 key has 256 bits');
      return generatePrivateKey('ed25519', undefined, comment);
    case 'ecdsa': {
      const curve = [...ECDSA_BY_BITS].find(([size]) => size === (bits ?? 256))?.[1];
      if (curve === undefined) throw new CliError('an ecdsa key has 256, 384 or 521 bits');
      return generatePrivateKey(curve, undefined, comment);
    }
    case 'rsa':
      if (bits !== undefined && (bits < 2048 || bits > 16384)) throw new CliError('an rsa key has 2048 to 16384 bits');
      return generatePrivateKey('rsa', bits, comment);
  }
}

function parseBits(text: string): number {
  const bits = Number(text);
  if (!Number.isInteger(bits) || bits <= 0) throw new InvalidArgumentError('expected a number of bits');
  return bits;
}
