import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SshReader } from '../../src/wire/reader.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { SshWriter } from '../../src/wire/writer.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('mpint, the examples of RFC 4251 §5', () => {
  const examples: readonly (readonly [value: string, wire: string])[] = [
    ['', '00 00 00 00'],
    ['09a378f9b2e332a7', '00 00 00 08 09 a3 78 f9 b2 e3 32 a7'],
    ['80', '00 00 00 02 00 80'],
  ];
  test.each(examples)('%s', (value, wire) => {
    expect(new SshWriter().unsignedMpint(hex(value)).finish()).toEqual(hex(wire));
    expect(new SshReader(hex(wire)).unsignedMpint()).toEqual(hex(value));
  });

  test('leading zeros are dropped when writing', () => {
    expect(new SshWriter().unsignedMpint(hex('00000080')).finish()).toEqual(hex('00 00 00 02 00 80'));
    expect(new SshWriter().unsignedMpint(hex('0000')).finish()).toEqual(hex('00 00 00 00'));
  });

  test.each([
    ['negative', '00 00 00 02 ed cc'],
    ['unnecessary zero', '00 00 00 02 00 7f'],
    ['zero as one byte', '00 00 00 01 00'],
  ])('%s is refused', (_, wire) => {
    expect(() => new SshReader(hex(wire)).unsignedMpint()).toThrow(WireError);
  });
});

describe('name-list, the examples of RFC 4251 §5', () => {
  test.each([
    [[], '00 00 00 00'],
    [['zlib'], '00 00 00 04 7a 6c 69 62'],
    [['zlib', 'none'], '00 00 00 09 7a 6c 69 62 2c 6e 6f 6e 65'],
  ])('%j', (names, wire) => {
    expect(new SshWriter().nameList(names).finish()).toEqual(hex(wire));
    expect(new SshReader(hex(wire)).nameList()).toEqual(names);
  });

  test.each([
    ['a comma alone', ','],
    ['an empty name', 'a,,b'],
    ['a control byte', 'a\n'],
    ['not ASCII', 'é'],
  ])('%s is refused', (_, text) => {
    expect(() => new SshReader(new SshWriter().string(text).finish()).nameList()).toThrow(WireError);
  });
});

describe('lengths', () => {
  test('a string longer than the message is refused before it is allocated', () => {
    expect(() => new SshReader(hex('ff ff ff ff 00')).string()).toThrow(WireError);
  });

  test('the caller bounds a string', () => {
    expect(() => new SshReader(hex('00 00 00 03 01 02 03')).string(2)).toThrow(WireError);
  });

  test('bytes left over are an error at the end', () => {
    const reader = new SshReader(hex('00 01'));
    reader.byte();
    expect(() => {
      reader.end();
    }).toThrow(WireError);
  });

  test('a uint64 past 2^53 is refused', () => {
    expect(new SshReader(hex('00 1f ff ff ff ff ff ff')).uint64AsNumber()).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => new SshReader(hex('00 20 00 00 00 00 00 00')).uint64AsNumber()).toThrow(WireError);
  });

  test('invalid UTF-8 is refused', () => {
    expect(() => new SshReader(hex('00 00 00 02 c3 28')).utf8()).toThrow(WireError);
  });
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.boolean(),
      fc.nat(0xffffffff),
      fc.nat(Number.MAX_SAFE_INTEGER),
      fc.uint8Array({ maxLength: 600 }),
      fc.string({ unit: 'grapheme' }),
      (byte, flag, uint32, uint64, bytes, text) => {
        const wire = new SshWriter(1)
          .byte(byte)
          .boolean(flag)
          .uint32(uint32)
          .uint64(uint64)
          .string(bytes)
          .string(text)
          .finish();
        const reader = new SshReader(wire);
        expect(reader.byte()).toBe(byte);
        expect(reader.boolean()).toBe(flag);
        expect(reader.uint32()).toBe(uint32);
        expect(reader.uint64AsNumber()).toBe(uint64);
        expect(reader.string()).toEqual(Buffer.from(bytes));
        expect(reader.utf8()).toBe(text);
        reader.end();
      },
    ),
  );
});

test('reading random bytes gives a value or a WireError, never anything else', () => {
  const reads = ['byte', 'uint32', 'uint64AsNumber', 'string', 'utf8', 'ascii', 'nameList', 'unsignedMpint'] as const;
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(fc.constantFrom(...reads), { maxLength: 12 }),
      (bytes, calls) => {
        const reader = new SshReader(Buffer.from(bytes));
        try {
          for (const call of calls) reader[call]();
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
