import type { KexRow } from '../algorithms/kex-table.ts';
import { bitLength, GEX_MAX_BITS, GEX_MIN_BITS, MODP_GROUP_BITS, modpGroup } from './dh-group.ts';
import type { DhGroup, ModpGroupNumber } from './dh-group.ts';
import { dhGroupKex, modpKex } from './dh-kex.ts';
import { KexError } from './kex-method.ts';
import type { KexMethod } from './kex-method.ts';

export type { DhGroup } from './dh-group.ts';

export const GEX_METHOD_NAME = 'diffie-hellman-group-exchange-sha256' satisfies KexRow['name'];

const GROUP_NUMBERS: readonly ModpGroupNumber[] = [14, 15, 16, 17, 18];

/**
 * The server's choice for SSH_MSG_KEX_DH_GEX_REQUEST (RFC 4419 §3) among the groups 14–18 of RFC 3526: the smallest that is
 * at least `preferred` bits wide, otherwise the widest that fits; null where none lies within `min` and `max`. `floor` is
 * the server's own least, in bits: what the client would be content with below it does not count.
 */
export function chooseGexGroup(
  min: number,
  preferred: number,
  max: number,
  floor: number = GEX_MIN_BITS,
): DhGroup | null {
  const least = Math.max(min, floor);
  const fitting = GROUP_NUMBERS.filter((number) => MODP_GROUP_BITS[number] >= least && MODP_GROUP_BITS[number] <= max);
  const chosen = fitting.find((number) => MODP_GROUP_BITS[number] >= preferred) ?? fitting.at(-1);
  return chosen === undefined ? null : modpGroup(chosen);
}

/**
 * diffie-hellman-group-exchange-sha256 for a chosen group. Throws KexError for a group that is no use: the client gets its
 * group from the server.
 */
export function createGexMethod(group: DhGroup): KexMethod {
  const bits = bitLength(group.p);
  if (bits < GEX_MIN_BITS || bits > GEX_MAX_BITS) {
    throw new KexError(`${GEX_METHOD_NAME}: group of ${bits} bits, not ${GEX_MIN_BITS} to ${GEX_MAX_BITS}`);
  }
  if (((group.p.at(-1) ?? 0) & 1) === 0) throw new KexError(`${GEX_METHOD_NAME}: the group's prime is even`);
  const generatorBits = bitLength(group.g);
  if (generatorBits < 2 || generatorBits > 31) {
    throw new KexError(`${GEX_METHOD_NAME}: the group's generator is not a small number`);
  }
  const known = GROUP_NUMBERS.find((number) => {
    const { p, g } = modpGroup(number);
    return p.equals(group.p) && g.equals(group.g);
  });
  return known === undefined ? dhGroupKex(GEX_METHOD_NAME, group, 'sha256') : modpKex(GEX_METHOD_NAME, known, 'sha256');
}
