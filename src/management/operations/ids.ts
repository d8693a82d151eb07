import { randomBytes } from 'node:crypto';

export type IdPrefix = 's' | 'key' | 'hostkey';

const HEX_DIGITS = 17;

/** A new id as the service makes them: the prefix, `-`, and 17 random hexadecimal digits. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${randomBytes(9).toString('hex').slice(0, HEX_DIGITS)}`;
}
