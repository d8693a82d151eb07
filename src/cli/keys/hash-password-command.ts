import { getFips } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { Option } from 'commander';
import { hashPassword } from '../../auth/password-hash.ts';
import { CliError } from '../cli-error.ts';
import { promptUnseen } from '../prompt-unseen.ts';

/** `latticeport hash-password`: reads a password from the terminal (unseen) or the first line of standard input. */
export function registerHashPasswordCommand(program: Command): void {
  program
    .command('hash-password')
    .description('read a password and print what goes into "passwordHash"')
    .addOption(
      new Option('--kind <kind>', 'hash function (default: scrypt; pbkdf2-sha256 in FIPS mode)').choices([
        'scrypt',
        'pbkdf2-sha256',
      ]),
    )
    .action(async (options: { kind?: 'scrypt' | 'pbkdf2-sha256' }) => {
      if (options.kind === 'scrypt' && getFips() === 1) {
        throw new CliError('OpenSSL runs in FIPS mode, where scrypt is refused: use --kind pbkdf2-sha256');
      }
      const password = process.stdin.isTTY ? await promptUnseen('Password: ') : await firstLine();
      if (password === '') throw new CliError('the password is empty');
      if (password.includes('\0')) throw new CliError('the password has a NUL in it, which no login may have');
      process.stdout.write(`${await hashPassword(password, options.kind)}\n`);
    });
}

function firstLine(): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin });
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('close', () => {
      resolve('');
    });
  });
}
