import { expect, test } from '@jest/globals';
import { isInAddressList } from '../../src/auth/source-address.ts';

test.each<[list: string, address: string, isInside: boolean | null]>([
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['192.0.2.0/24', '192.0.2.255', true],
  ['192.0.2.0/24', '192.0.3.0', false],
  ['198.51.100.0/24,192.0.2.7/32', '192.0.2.7', true],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32,192.0.2.1', '2001:db8:ffff::1', true],
  ['::1', '::1', true],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['192.0.2.0/24', 'unknown', false],
  // Never across families.
  ['::/0', '192.0.2.1', false],
  ['::ffff:0:0/96', '192.0.2.1', false],
  ['::ffff:192.0.2.0/120', '::ffff:c000:207', true],
  // Bits behind the mask.
  ['10.1.2.3/8', '10.1.2.3', null],
  ['192.0.2.7,2001:db8::1/32', '192.0.2.7', null],
  // Not one of them may be malformed.
  ['', '192.0.2.1', null],
  ['192.0.2.1,', '192.0.2.1', null],
  ['192.0.2.1, 192.0.2.2', '192.0.2.1', null],
  ['192.0.2.0/33', '192.0.2.1', null],
  ['192.0.2.0/-1', '192.0.2.1', null],
  ['192.0.2.0/', '192.0.2.1', null],
  ['192.0.2.0/8/8', '192.0.2.1', null],
  ['2001:db8::/129', '2001:db8::1', null],
  ['fe80::1%eth0', 'fe80::1', null],
  ['example.org', '192.0.2.1', null],
  ['!192.0.2.1', '192.0.2.2', null],
])('%s and %s: %s', (list, address, isInside) => {
  expect(isInAddressList(list, address)).toBe(isInside);
});
