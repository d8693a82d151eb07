import { describe, expect, test } from '@jest/globals';
import { API_RATES } from '../../src/management/limits.ts';
import { isLoopback } from '../../src/management/loopback.ts';
import { RequestRates, sourceOf } from '../../src/management/request-rates.ts';

describe('rates', () => {
  test('a burst, and then so many a second', () => {
    let now = 0;
    const rates = new RequestRates({ perSecond: 2, burst: 3 }, () => now);
    expect([1, 2, 3, 4].map(() => rates.take('a'))).toEqual([0, 0, 0, 0.5]);
    expect(rates.take('b')).toBe(0);
    now = 500;
    expect([rates.take('a'), rates.take('a')]).toEqual([0, 0.5]);
    now = 1_000_000;
    expect([1, 2, 3, 4].map(() => rates.take('a'))).toEqual([0, 0, 0, 0.5]);
  });

  test('a clock that goes back gives and takes nothing', () => {
    let now = 10_000;
    const rates = new RequestRates({ perSecond: 1, burst: 1 }, () => now);
    expect(rates.take('a')).toBe(0);
    now = 0;
    expect(rates.take('a')).toBe(1);
  });

  test('of so many, the oldest is forgotten', () => {
    const rates = new RequestRates({ perSecond: 1, burst: 1 }, () => 0);
    rates.take('first');
    rates.take('second');
    for (let other = 0; other < API_RATES - 2; other += 1) rates.take(String(other));
    expect(rates.take('first')).toBe(1);
    rates.take('one more');
    expect(rates.take('first')).toBe(1);
    expect(rates.take('second')).toBe(0);
  });
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::5', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
])('%s counts as %s', (address, source) => {
  expect(sourceOf(address)).toBe(source);
});

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['localhost.example.org', false],
  ['', false],
])('whether %j is of this machine alone', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
