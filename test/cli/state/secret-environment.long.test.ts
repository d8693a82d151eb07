// The built server with the keys of its state in the environment.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freePort, runProgram, ServerProcess } from '../../peers/process.ts';
import { until } from '../../transport/transport-pair.ts';

const LATTICEPORT = [process.execPath, path.resolve(import.meta.dirname, '../../../dist/cli/main.js')];
const VARIABLE = 'LATTICEPORT_STATE_KEYS';
const KEY = randomBytes(32).toString('base64');

let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-environment-'));
  mkdirSync(path.join(folder, 'data'));
  const management = {
    listen: { port: await freePort() },
    secretKeyEnvironment: VARIABLE,
    storages: { data: { type: 'local', root: 'data' } },
    roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
  };
  const metrics = { port: await freePort() };
  writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify({ management, metrics }), { mode: 0o600 });
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('is refused without them, before it has opened a port or made a file', async () => {
  const finished = await runProgram([...LATTICEPORT, 'serve'], { cwd: folder, env: { [VARIABLE]: undefined } });
  expect(finished).toMatchObject({ code: 1, stdout: '' });
  expect(finished.stderr).toBe(
    `latticeport: latticeport.json: $.management.secretKeyEnvironment: the environment's ${VARIABLE} is not set; ` +
      'expected keys as lines "id:key", where "openssl rand -base64 32" makes a key\n',
  );
  expect(readdirSync(folder).toSorted()).toEqual(['data', 'latticeport.json']);
  const checked = await runProgram([...LATTICEPORT, 'check-config'], { cwd: folder, env: { [VARIABLE]: undefined } });
  expect(checked).toMatchObject({ code: 0 });
  expect(checked.stdout).toContain(`Warning: latticeport.json: $.management.secretKeyEnvironment: `);
  const wrong = await runProgram([...LATTICEPORT, 'check-config'], { cwd: folder, env: { [VARIABLE]: 'k1' } });
  expect(wrong).toMatchObject({ code: 1 });
});

test('works with them, and writes the key nowhere, in no report about itself either', async () => {
  const env = { [VARIABLE]: `k1:${KEY}` };
  const created = await runProgram([...LATTICEPORT, 'access-key', 'create', '--json'], { cwd: folder, env });
  expect(created).toMatchObject({ code: 0 });
  const [node = '', ...rest] = LATTICEPORT;
  const reporting = [node, '--report-on-signal', '--report-filename=report.json', ...rest, 'serve'];
  const server = new ServerProcess(reporting, { cwd: folder, env });
  try {
    await server.line((line) => line.includes('"management.listening"'));
    process.kill(server.pid, 'SIGUSR2');
    await until(() => server.stderr.includes('Node.js report completed'), 'the report is written');
  } finally {
    await server.stop();
  }
  const report = readFileSync(path.join(folder, 'report.json'), 'utf8');
  expect(report).toContain('"environmentVariables"');
  for (const text of [report, server.lines.join('\n'), created.stdout, created.stderr]) expect(text).not.toContain(KEY);
  expect(readdirSync(path.join(folder, 'state')).filter((name) => name.endsWith('.key'))).toEqual([]);
});
