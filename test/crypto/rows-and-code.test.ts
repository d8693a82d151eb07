// What the compiler refuses: a row of a table without code, code without a row, code that does not do what the row says, a
// key type with a piece missing. The compiler reads the sources with one change to each of some files, and must complain.
import path from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CRYPTO = path.join(ROOT, 'src/crypto');

interface Change {
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  /** The files that no longer compile, and words of what is said of each. */
  readonly refused: Readonly<Record<string, RegExp>>;
}

/** In one group no two changes touch the same file. */
const GROUPS: Readonly<Record<string, readonly Change[]>> = {
  'a row without code': [
    {
      file: 'algorithms/kex-table.ts',
      replace: "name: 'curve25519-sha256',",
      by: "name: 'curve448-sha512',",
      refused: { 'kex/kex-constructors.ts': /curve25519-sha256|curve448-sha512/ },
    },
    {
      file: 'algorithms/cipher-table.ts',
      replace: "name: 'aes192-ctr',",
      by: "name: 'camellia192-ctr',",
      refused: { 'cipher/cipher-constructors.ts': /camellia192-ctr|aes192-ctr/ },
    },
    {
      file: 'algorithms/mac-table.ts',
      replace: "name: 'hmac-sha2-512',",
      by: "name: 'hmac-sha3-512',",
      refused: { 'cipher/packet-mac.ts': /hmac-sha3-512|hmac-sha2-512/ },
    },
    {
      file: 'keys/ed25519.ts',
      replace: 'generate: () =>',
      by: 'generated: () =>',
      refused: { 'keys/ed25519.ts': /generate/ },
    },
  ],
  'code that does something else than its row says': [
    {
      file: 'algorithms/cipher-table.ts',
      replace: 'aead: false,',
      by: 'aead: true,',
      refused: { 'cipher/cipher-constructors.ts': /AeadDefinition/ },
    },
    {
      file: 'algorithms/mac-table.ts',
      replace: 'tagBytes: 64,',
      by: 'tagBytes: 48,',
      refused: { 'cipher/packet-mac.ts': /48/ },
    },
    {
      file: 'algorithms/kex-table.ts',
      replace: "classical: 'P-384',",
      by: "classical: 'brainpoolP384r1',",
      refused: { 'algorithms/kex-table.ts': /brainpoolP384r1/ },
    },
    {
      file: 'keys/rsa.ts',
      replace: "  'rsa-sha2-256': 'sha256',\n",
      by: '',
      refused: { 'keys/rsa.ts': /rsa-sha2-256/ },
    },
  ],
};

const config = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)).config as unknown;
const options = { ...ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options, incremental: false };
const roots = ['providers.ts', 'kex/kex-constructors.ts', 'keys/private-key.ts'].map((file) => path.join(CRYPTO, file));
/** What no group changes is read once: most of it are the types of Node. */
const unchanged = new Map<string, ts.SourceFile | undefined>();

function changedProgram(changes: readonly Change[]): ts.Program {
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  const changed = new Map(
    changes.map(({ file, replace, by }) => {
      const name = path.join(CRYPTO, file);
      const text = ts.sys.readFile(name) ?? '';
      expect(text).toContain(replace);
      return [name, text.replace(replace, by)];
    }),
  );
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const text = changed.get(path.resolve(name));
    if (text !== undefined) return ts.createSourceFile(name, text, languageVersion);
    if (!unchanged.has(name)) unchanged.set(name, getSourceFile(name, languageVersion, ...rest));
    return unchanged.get(name);
  };
  return ts.createProgram(roots, options, host);
}

function complaints(program: ts.Program, file: string): string {
  const source = program.getSourceFile(path.join(CRYPTO, file));
  return program
    .getSemanticDiagnostics(source)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
    .join('\n');
}

test.each(Object.entries(GROUPS))('the compiler refuses %s', (_name, changes) => {
  const program = changedProgram(changes);
  for (const { refused } of changes) {
    for (const [file, words] of Object.entries(refused)) {
      expect([file, complaints(program, file)]).toEqual([file, expect.stringMatching(words)]);
    }
  }
});
