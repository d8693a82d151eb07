import { expect, test } from '@jest/globals';
import { ConnectionThrottle, sourceOf } from '../../src/server/connection-throttle.ts';

test('a burst at once, then as many a second as configured, waiting in line, then refused', () => {
  let now = 0;
  const throttle = new ConnectionThrottle(10, () => now);
  const waits = Array.from({ length: 100 }, () => throttle.admit('192.0.2.1'));
  expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(waits[5]).toBeCloseTo(0.1);
  expect(waits[6]).toBeCloseTo(0.2);
  expect(waits.filter((wait) => wait !== null)).toHaveLength(5 + 50);
  expect(throttle.admit('192.0.2.2')).toBe(0);
  now = 60;
  expect(throttle.admit('192.0.2.1')).toBe(0);
});

test('0 turns it off', () => {
  const throttle = new ConnectionThrottle(0);
  for (let i = 0; i < 1000; i += 1) expect(throttle.admit('192.0.2.1')).toBe(0);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, source) => {
  expect(sourceOf(address)).toBe(source);
});
