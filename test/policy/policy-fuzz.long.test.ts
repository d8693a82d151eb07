import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CIPHER_ALGORITHMS,
  CIPHER_BY_NAME,
  HOST_KEY_ALGORITHMS,
  HOST_KEY_BY_NAME,
  KEX_ALGORITHMS,
  KEX_BY_NAME,
  MAC_ALGORITHMS,
  MAC_BY_NAME,
} from '../../src/crypto/algorithms/algorithm-table.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { algorithmsOf } from '../../src/policy/fips-rules.ts';
import { parsePolicy } from '../../src/policy/parse-policy.ts';
import { BUILT_IN, builtIn } from './policy-files.ts';

const outcomes = { loaded: 0, refused: 0 };

/** Either a policy that keeps every promise, or a ConfigError with a path: anything else fails. */
function loadsOrRefuses(text: string): void {
  let policy;
  try {
    policy = parsePolicy('fuzz.json', text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    outcomes.refused += 1;
    expect(error.file).toBe('fuzz.json');
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { jsonPath, problem } of error.problems) {
      expect(jsonPath).toMatch(/^\$(?:\.[A-Za-z_$][\w$]*|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*$/u);
      expect(problem).not.toBe('');
    }
    // A hostile file must not flood the log.
    expect(error.message.length).toBeLessThan(100_000);
    return;
  }
  outcomes.loaded += 1;
  const { kex, ciphers, macs, hostKeys } = policy.algorithms;
  for (const [names, table] of [
    [kex, KEX_BY_NAME],
    [ciphers, CIPHER_BY_NAME],
    [macs, MAC_BY_NAME],
    [hostKeys, HOST_KEY_BY_NAME],
  ] as const) {
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => table.has(name))).toBe(true);
  }
  if (policy.fips) expect(algorithmsOf(policy.algorithms).every(({ fips }) => fips !== 'not-approved')).toBe(true);
}

const names = [KEX_ALGORITHMS, CIPHER_ALGORITHMS, MAC_ALGORITHMS, HOST_KEY_ALGORITHMS].flatMap((rows) =>
  rows.map(({ name }): string => name),
);
const keys = [
  ...['$schema', 'Description', 'Origin', 'SecurityPolicy', 'SecurityPolicyName', 'Fips', 'Type', 'Protocols'],
  ...['SshCiphers', 'SshKexs', 'SshMacs', 'SshHostKeyAlgorithms', 'TlsCiphers', '__proto__', 'constructor', ''],
];

/** Values that are likely to get far: real names and keys among anything that JSON can say. */
const anyName = fc.oneof(
  fc.constantFrom(...names),
  fc.string(),
  fc.constantFrom('SERVER', 'SFTP', '\u0000', 'a'.repeat(10_000)),
);
const anyValue = fc.oneof(
  fc.array(anyName, { maxLength: 8 }),
  anyName,
  fc.boolean(),
  fc.jsonValue(),
  fc.constant(null),
);

const list = (rows: readonly { readonly name: string }[]) => {
  const name = fc.constantFrom(...rows.map((row) => row.name));
  return fc.oneof(
    { weight: 20, arbitrary: fc.uniqueArray(name, { minLength: 1, maxLength: 6 }) },
    { weight: 1, arbitrary: fc.array(name, { maxLength: 3 }) },
  );
};

const nearlySound = fc.record({
  SecurityPolicyName: fc.oneof({ weight: 9, arbitrary: fc.constant('TransferSecurityPolicy-Fuzz') }, fc.string()),
  Fips: fc.boolean(),
  Type: fc.constantFrom('SERVER', 'SERVER', 'SERVER', 'CONNECTOR'),
  Protocols: fc.constantFrom(['SFTP'], ['SFTP', 'FTPS'], ['FTPS']),
  SshCiphers: list(CIPHER_ALGORITHMS),
  SshKexs: list(KEX_ALGORITHMS),
  SshMacs: list(MAC_ALGORITHMS),
  SshHostKeyAlgorithms: fc.oneof(list(HOST_KEY_ALGORITHMS), fc.constant(null)),
});

const RUNS = { numRuns: 700 };

describe('policy files, fuzzed', () => {
  test('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), loadsOrRefuses), RUNS);
  });

  test('any JSON', () => {
    fc.assert(fc.property(fc.json(), loadsOrRefuses), RUNS);
  });

  test('nearly sound policies', () => {
    fc.assert(
      fc.property(nearlySound, (policy) => {
        loadsOrRefuses(JSON.stringify({ SecurityPolicy: policy }));
      }),
      RUNS,
    );
  });

  test('the right keys with wrong values', () => {
    const object = fc.dictionary(fc.constantFrom(...keys), anyValue, { maxKeys: 10 });
    fc.assert(
      fc.property(object, object, (outer, inner) => {
        loadsOrRefuses(JSON.stringify({ ...outer, SecurityPolicy: inner }));
      }),
      RUNS,
    );
  });

  test('our own files with bytes changed, cut and doubled', () => {
    const texts = builtIn.all.map(({ name }) => readFileSync(join(BUILT_IN, `${name}.json`), 'utf8'));
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), fc.string({ maxLength: 8 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (text, edits) => {
          let mutated = text;
          for (const [where, remove, insert] of edits) {
            const at = Math.floor(where * mutated.length);
            mutated = mutated.slice(0, at) + insert + mutated.slice(at + remove);
          }
          loadsOrRefuses(mutated);
        },
      ),
      RUNS,
    );
  });

  test('a hostile file costs neither much log nor much time', () => {
    const nonsense = Array.from({ length: 9000 }, (_, index) => `n${index}`);
    const started = performance.now();
    loadsOrRefuses(JSON.stringify({ SecurityPolicy: { SshKexs: nonsense } }));
    loadsOrRefuses(JSON.stringify(Object.fromEntries(nonsense.slice(0, 6000).map((key) => [key, 0]))));
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('both outcomes were met', () => {
    expect(outcomes.loaded).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});
