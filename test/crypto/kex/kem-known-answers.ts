import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** One record of NIST's PQCkemKAT_*.rsp files for Kyber round 3, which npm's crystals-kyber ships. */
export interface KatRecord {
  readonly count: number;
  readonly seed: Buffer;
  readonly pk: Buffer;
  readonly sk: Buffer;
  readonly ct: Buffer;
  readonly ss: Buffer;
}

const FILES = { 512: 'PQCkemKAT_1632.rsp', 768: 'PQCkemKAT_2400.rsp', 1024: 'PQCkemKAT_3168.rsp' } as const;

export function readKyberKat(set: keyof typeof FILES): { text: string; records: KatRecord[] } {
  const text = readFileSync(createRequire(import.meta.url).resolve(`crystals-kyber/${FILES[set]}`), 'latin1');
  const records = text
    .split(/\r?\n\r?\n/)
    .filter((block) => block.includes('seed = '))
    .map((block): KatRecord => {
      const field = (name: string): string => {
        const value = new RegExp(`^${name} = ([0-9A-F]+)\\s*$`, 'm').exec(block)?.[1];
        if (value === undefined) throw new Error(`no ${name} in a record`);
        return value;
      };
      const hex = (name: string): Buffer => Buffer.from(field(name), 'hex');
      return {
        count: Number(field('count')),
        seed: hex('seed'),
        pk: hex('pk'),
        sk: hex('sk'),
        ct: hex('ct'),
        ss: hex('ss'),
      };
    });
  return { text, records };
}

/** The random bytes that NIST's reference generator (AES-256 CTR_DRBG without derivation function) gives for a seed. */
export function nistRandomBytes(seed: Buffer): (bytes: number) => Buffer {
  let key: Buffer = Buffer.alloc(32);
  let counter = 0n;
  const block = (): Buffer => {
    counter = (counter + 1n) & ((1n << 128n) - 1n);
    const input = Buffer.from(counter.toString(16).padStart(32, '0'), 'hex');
    return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(input);
  };
  const update = (provided: Buffer | null): void => {
    const next = Buffer.concat([block(), block(), block()]);
    if (provided !== null) for (let index = 0; index < 48; index += 1) next[index]! ^= provided[index]!;
    key = next.subarray(0, 32);
    counter = BigInt(`0x${next.subarray(32).toString('hex')}`);
  };
  update(seed);
  return (bytes) => {
    const blocks: Buffer[] = [];
    for (let length = 0; length < bytes; length += 16) blocks.push(block());
    update(null);
    return Buffer.concat(blocks).subarray(0, bytes);
  };
}
