import { existsSync } from 'node:fs';
import { fingerprintOf } from '../../crypto/keys/public-key.ts';
import { CliError } from '../cli-error.ts';
import { readText } from './api-options.ts';

/** `ssh-ed25519 AAAA…`: a name of a key type, then base64. */
const KEY_LINE = /^\s*[a-z0-9@.-]+[ \t]+AAAA[A-Za-z0-9+/=]+/;

/** The public key that an argument is: the line itself, or a file with one. Throws CliError. */
export function keyLine(fileOrLine: string): string {
  if (KEY_LINE.test(fileOrLine)) return fileOrLine.trim();
  if (!existsSync(fileOrLine))
    throw new CliError('the key is neither a file nor a line such as "ssh-ed25519 AAAA... name"');
  const text = readText(fileOrLine);
  if (/PRIVATE KEY-----/.test(text)) throw new CliError(`${fileOrLine} is a private key: name its .pub file`);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [only] = lines;
  if (only === undefined || lines.length > 1) {
    throw new CliError(`${fileOrLine}: expected one public key, found ${lines.length} lines`);
  }
  return only.trim();
}

/** What makes two lines the same key: type and blob, whatever the comment. */
export function sameKey(line: string): string {
  return line
    .trim()
    .split(/[ \t]+/)
    .slice(0, 2)
    .join(' ');
}

/** The words of a line: type, fingerprint, comment. */
export function keyInWords(line: string): { type: string; fingerprint: string; comment: string } {
  const [type = '', base64 = '', ...comment] = line.trim().split(/[ \t]+/);
  return { type, fingerprint: fingerprintOf(Buffer.from(base64, 'base64')), comment: comment.join(' ') };
}
