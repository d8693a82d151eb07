import { randomBytes } from 'node:crypto';

/** `s-` and 17 hexadecimal digits, as AWS Transfer Family names its servers: a server's own in each process and start. */
export function newServerId(): string {
  return `s-${randomBytes(9).toString('hex').slice(0, 17)}`;
}
