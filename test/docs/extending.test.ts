// docs/extending.md says which files one touches to add something. Here its tables are read, and each kind of addition is
// made once.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { CIPHER_ALGORITHMS, KEX_ALGORITHMS, MAC_ALGORITHMS } from '../../src/crypto/algorithms/algorithm-table.ts';
import {
  CIPHER_NAMES,
  cipherKeySizes,
  createOpener,
  createSealer,
  MAC_NAMES,
} from '../../src/crypto/cipher/cipher-constructors.ts';
import { HOST_KEY_ALGORITHMS } from '../../src/crypto/algorithms/host-key-table.ts';
import { KEY_TYPES } from '../../src/crypto/keys/key-registry.ts';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../src/crypto/keys/public-key.ts';
import { GEX_METHOD_NAME, KEX_METHOD_NAMES } from '../../src/crypto/kex/kex-constructors.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { READ_ONLY, READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { STORE_ROOT } from '../../src/storage/store-path.ts';
import { storePath } from '../storage/store-path.ts';
import { describeStoreContract } from '../storage/contract/store-contract.ts';
import { shout } from './shout-extension.ts';
import { TinyStore } from './tiny-store.ts';

const root = path.resolve(import.meta.dirname, '../..');

interface FileRow {
  /** The file that is there: to change, or to copy from. */
  readonly file: string;
  /** Names that it must declare, or call. */
  readonly names: readonly string[];
}

interface Section {
  readonly title: string;
  readonly files: number;
  readonly rows: readonly FileRow[];
}

const quotedWords = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

function readSections(markdown: string): Section[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const lines = section.split('\n');
      const cells = lines.filter((line) => line.startsWith('| `')).map((line) => line.split(' | '));
      return {
        title: lines[0] ?? '',
        files: Number(/^\*\*(\d+) files\.\*\*/m.exec(section)?.[1]),
        rows: cells.map(([file = '', names = '']) => ({
          file: quotedWords(file).at(-1) ?? '',
          names: quotedWords(names),
        })),
      };
    });
}

const text = readFileSync(path.join(root, 'docs/extending.md'), 'utf8');
const sections = readSections(text);

test('the document has a section for each kind', () => {
  expect(sections.map(({ title }) => title.split(' is ')[0])).toEqual([
    'A cipher',
    'A key exchange method',
    'A key type',
    'A store',
    'An extension',
  ]);
});

describe.each(sections)('$title', ({ files, rows }) => {
  test('it counts its files', () => {
    expect(rows.length).toBe(files);
  });

  test.each(rows)('$file holds $names', ({ file, names }) => {
    const source = readFileSync(path.join(root, file), 'utf8');
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(source).toMatch(new RegExp(`(\\b(const|function|class|interface|type) ${name}\\b)|(^${name}\\()`, 'm'));
    }
  });
});

test('every other file that it names is there', () => {
  const named = quotedWords(text).filter((word) => /^(src|test|scripts|docs|security-policies)\/[\w./-]+$/.test(word));
  expect(named.filter((file) => !file.includes('NAME') && !existsSync(path.join(root, file)))).toEqual([]);
});

describe('a cipher', () => {
  test('has facts where it has code, and code where it has facts', () => {
    expect(CIPHER_ALGORITHMS.map(({ name }) => name as string).sort()).toEqual([...CIPHER_NAMES].sort());
    expect(MAC_ALGORITHMS.map(({ name }) => name as string).sort()).toEqual([...MAC_NAMES].sort());
    const methods = KEX_ALGORITHMS.map(({ name }) => name as string).sort();
    expect(methods).toEqual([...KEX_METHOD_NAMES, GEX_METHOD_NAME].sort());
  });

  test.each(CIPHER_ALGORITHMS)('$name: its two rows are all that a packet needs', ({ name, aead }) => {
    const mac = aead ? null : 'hmac-sha2-256';
    const { keyBytes, ivBytes, macKeyBytes } = cipherKeySizes(name, mac);
    const keys = () => ({
      key: Buffer.alloc(keyBytes, 1),
      iv: Buffer.alloc(ivBytes, 2),
      macKey: Buffer.alloc(macKeyBytes, 3),
    });
    const sealer = createSealer(name, mac, keys());
    const opener = createOpener(name, mac, keys());
    const body = Buffer.alloc(sealer.lengthOutsidePadding ? 32 : 28, 'x');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    const wire = Buffer.concat(sealer.seal(0, [Buffer.concat([length, body])]));
    expect(opener.readLength(0, Buffer.from(wire.subarray(0, opener.headBytes)))).toBe(body.length);
    expect(wire.subarray(4, 4 + body.length).equals(body)).toBe(false);
  });
});

describe('a key type', () => {
  test('is in every table as soon as it is in the registry', () => {
    const signatures = KEY_TYPES.flatMap((type) => type.signatures.map(({ name }) => name as string));
    expect(HOST_KEY_ALGORITHMS.map(({ name }) => name as string)).toEqual(signatures);
  });

  test.each(KEY_TYPES.filter(({ keygen }) => typeof keygen.bits === 'number'))(
    '$name: is made and read again by its row',
    ({ name, keygen }) => {
      const { publicKey } = generatePrivateKey(keygen.name);
      expect(parseAuthorizedKey(publicKey).type).toBe(name);
    },
  );
});

describeStoreContract(
  'the tiny store of docs/extending.md',
  {
    implicitParents: false,
    ownership: true,
    exactListing: true,
    boundaries: [1 << 20],
    writeFaults: false,
    writesInPlace: false,
  },
  async ({ partialUploads }) => {
    const memory = new MemoryStore({ partialUploads });
    await memory.mkdir(storePath('shelf'), {});
    const store = new TinyStore(memory, storePath('shelf'));
    return {
      store,
      cleanup: () => store.close(),
      leftovers: () => Promise.resolve(Array.from({ length: memory.openHandles }, () => 'an open handle')),
    };
  },
);

describe('over SFTP', () => {
  const table = '../../src/sftp/request-table.ts';

  /** The modules of `src/sftp` with an extension more in a copy of their table. */
  async function withExtension() {
    const actual = await import('../../src/sftp/request-table.ts');
    jest.unstable_mockModule(table, () => ({ ...actual, EXTENSIONS: [...actual.EXTENSIONS, shout] }));
    return import('../sftp/sftp-test-client.ts');
  }

  test('an extension in the table is advertised, dispatched, and held to what its row says', async () => {
    const { SftpTestClient, statusOf } = await withExtension();
    const view = (permissions: typeof READ_WRITE) =>
      new UserView({ directories: [{ entry: '/', store: new MemoryStore(), path: STORE_ROOT }], permissions });
    const client = await SftpTestClient.connect(view(READ_WRITE));
    expect([...client.extensions].at(-1)).toEqual(['shout@example.org', '1']);
    const answer = await client.extended('shout@example.org', (writer) => writer.string('hello'));
    // SSH_FXP_EXTENDED_REPLY
    expect([answer.type, answer.body.toString('latin1')]).toEqual([201, '\0\0\0\x05HELLO']);

    const reader = await SftpTestClient.connect(view(READ_ONLY));
    const refused = await reader.extended('shout@example.org', (writer) => writer.string('hello'));
    expect(statusOf(refused).code).toBe(3); // SSH_FX_PERMISSION_DENIED
    const denied = await SftpTestClient.connect(view(READ_WRITE), { deniedRequests: ['shout'] });
    expect(denied.extensions.has('shout@example.org')).toBe(false);
    expect(denied.extensions.has('fsync@openssh.com')).toBe(true);
  });

  test('the tiny store is served like any other', async () => {
    const { SftpTestClient } = await withExtension();
    const memory = new MemoryStore();
    await memory.mkdir(storePath('shelf'), {});
    const store = new TinyStore(memory, storePath('shelf'));
    const client = await SftpTestClient.connect(
      new UserView({ directories: [{ entry: '/', store, path: STORE_ROOT }], permissions: READ_WRITE }),
    );
    // A new file that is still open has its name already, and its handle follows a rename.
    const handle = await client.open('/a', 0x02 | 0x08 | 0x10);
    await client.write(handle, 0, 'one');
    await client.rename('/a', '/b');
    await client.close(handle);
    expect((await client.get('/b')).toString()).toBe('one');
    expect((await client.list('/')).map(({ name }) => name)).toEqual(['.', '..', 'b']);
    await client.end();
  });
});
