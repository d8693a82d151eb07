import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll } from '@jest/globals';
import { Command } from 'commander';
import { hashPassword } from '../../../src/auth/password-hash.ts';
import { registerDoctorCommand, type DoctorWorld } from '../../../src/cli/doctor/doctor-command.ts';
import type { Finding, Verdict } from '../../../src/cli/doctor/finding.ts';
import { inspectLink } from '../../../src/cli/doctor/inspect-link.ts';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { ConfigInput } from '../../server/test-server.ts';

/** A folder with host keys, removed after the tests of the file. */
export const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-doctor-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Writes a file of the folder, which only its owner may read. */
export function write(name: string, content: string | object): string {
  const file = path.join(folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return file;
}

const ml = generatePrivateKey('mldsa44-ed25519', undefined, 'host');
const ed = generatePrivateKey('ed25519', undefined, 'host');
export const HOST = { postQuantum: write('ml', ml.privateKey), classical: write('ed', ed.privateKey) };
export const USER_KEY = {
  postQuantum: generatePrivateKey('mldsa44-ed25519', undefined, 'user').publicKey,
  classical: generatePrivateKey('ed25519', undefined, 'user').publicKey,
};
export const PASSWORD_HASH = await hashPassword('a password that is printed nowhere');

/** A configuration of which nothing is to be said. */
export const SAFE: ConfigInput = {
  hostKeys: [HOST.postQuantum],
  storage: { type: 'local', root: folder },
  requirePostQuantum: true,
  requirePostQuantumKey: true,
  users: [{ name: 'acme', publicKeys: [USER_KEY.postQuantum] }],
};

let count = 0;
export function configFile(changes: Partial<ConfigInput> = {}): string {
  count += 1;
  return write(`${count}.json`, { ...SAFE, ...changes });
}

export interface Examined {
  readonly output: string;
  readonly complaints: readonly string[];
  readonly exitCode: number;
}

/** Runs `latticeport doctor ARGS` in this process. */
export async function runDoctor(
  args: readonly string[],
  world: Partial<Pick<DoctorWorld, 'inspectLink' | 'stdin'>> & { readonly color?: boolean } = {},
): Promise<Examined> {
  let output = '';
  let exitCode = 0;
  const complaints: string[] = [];
  const program = new Command('latticeport').exitOverride();
  registerDoctorCommand(program, {
    terminal: {
      color: world.color ?? false,
      columns: 100,
      line: (text = '') => {
        output += `${text}\n`;
      },
      exit: (code) => {
        exitCode = code;
      },
    },
    stdin: world.stdin ?? Readable.from([]),
    inspectLink: world.inspectLink ?? inspectLink,
    now: () => Date.parse('2026-11-30T12:00:00Z'),
    complain: (line) => complaints.push(line),
  });
  await program.parseAsync(['doctor', ...args], { from: 'user' });
  return { output, complaints, exitCode };
}

interface Told {
  readonly file: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

/** What `--json` says, and the exit code. */
export async function told(
  changes: Partial<ConfigInput> = {},
  args: readonly string[] = [],
  world: Parameters<typeof runDoctor>[1] = {},
): Promise<Told & Pick<Examined, 'exitCode'>> {
  const { output, exitCode } = await runDoctor(['--json', '--config', configFile(changes), ...args], world);
  return { ...(JSON.parse(output) as Told), exitCode };
}
