import { readFileSync } from 'node:fs';
import { CliError } from '../cli-error.ts';
import { canPrompt, promptUnseen } from '../prompt-unseen.ts';

export interface PassphraseOptions {
  /** Ask for it. */
  readonly passphrase: boolean;
  /** Its first line is the passphrase. */
  readonly passphraseFile?: string;
}

/** The passphrase for a new key; undefined where none is wanted. Throws CliError. */
export async function newPassphrase({ passphrase, passphraseFile }: PassphraseOptions): Promise<string | undefined> {
  if (passphraseFile !== undefined) return firstLine(passphraseFile);
  if (!passphrase) return undefined;
  if (!canPrompt()) throw new CliError('there is no terminal to ask for a passphrase: use --passphrase-file FILE');
  const first = await promptUnseen('Passphrase: ');
  if (first === '') throw new CliError('the passphrase is empty');
  if ((await promptUnseen('The same again: ')) !== first) throw new CliError('the two passphrases differ');
  return first;
}

function firstLine(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`the passphrase cannot be read: ${(error as Error).message}`);
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line === '') throw new CliError(`${file} has an empty first line`);
  return line;
}
