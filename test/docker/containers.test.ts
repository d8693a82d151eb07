// No container engine is needed: the compose file is read by docker-compose, the Dockerfiles by a linter, and what the
// containers would run is run here.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';
import { findPeer } from '../peers/peers.ts';
import { freePort, mustRun, runProgram, ServerProcess } from '../peers/process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const at = (path: string): string => join(ROOT, path);

describe('docker-compose.yml', () => {
  const compose = findPeer('docker-compose');
  const given = compose === null ? test.skip : test;
  given.each([[[]], [['--profile', 'interop']]])('is valid: docker-compose %j config', async (profile) => {
    const command = [...(compose?.command ?? []), '-f', at('docker-compose.yml'), ...profile, 'config'];
    const { stdout } = await mustRun(command, { cwd: ROOT });
    const { services } = parse(stdout) as { services: Record<string, { read_only?: boolean; cap_drop?: string[] }> };
    expect(services['latticeport']).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    const interop = ['interop-openssh', 'interop-oqs', 'interop-putty', 'interop-wolfssh'];
    const running = Object.keys(services).filter((name) => name.startsWith('interop-'));
    expect(running.toSorted()).toEqual(profile.length === 0 ? [] : interop);
  });

  given.each([
    [undefined, ''],
    ['/somewhere', '/opt/wolfssh'],
  ])('hands a folder of wolfSSH on only where one is named: WOLFSSH_DIR=%s', async (named, inside) => {
    const command = [...(compose?.command ?? []), '-f', at('docker-compose.yml'), '--profile', 'interop', 'config'];
    const { stdout } = await mustRun(command, { cwd: ROOT, env: { WOLFSSH_DIR: named } });
    const { services } = parse(stdout) as { services: Record<string, { environment?: Record<string, string> }> };
    expect(services['interop-wolfssh']?.environment).toEqual({ WOLFSSH_DIR: inside });
  });
});

describe.each(['Dockerfile', 'docker/interop.Dockerfile'])('%s', (name) => {
  const text = readFileSync(at(name), 'utf8');
  const instructions = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');

  test('has nothing that the linter objects to', () => {
    expect(validate(text).map(({ message, range }) => ({ line: range.start.line + 1, message }))).toEqual([]);
  });

  test('keeps to the rules of hadolint that the linter does not have', () => {
    for (const line of instructions) {
      expect(line).not.toMatch(/\bsudo\b/); // DL3004
      expect(line).not.toMatch(/^RUN\s+cd\s/); // DL3003
      expect(line).not.toMatch(/^ADD\s/); // DL3020
      expect(line).not.toMatch(/^MAINTAINER\s/); // DL4000
      if (line.includes('apt-get install')) {
        expect(line).toContain('-y'); // DL3014
        expect(line).toContain('--no-install-recommends'); // DL3015
      }
      if (line.includes('apk add')) expect(line).toContain('--no-cache'); // DL3018
      if (/^(CMD|ENTRYPOINT|HEALTHCHECK.*CMD)\s/.test(line)) expect(line).toMatch(/\[".*"\]$/); // DL3025
      if (line.startsWith('WORKDIR')) expect(line).toMatch(/^WORKDIR \//); // DL3000
      // DL3006: a base image has a tag, or is a stage of the file
      const base = /^FROM\s+(\S+)/.exec(line)?.[1];
      if (base !== undefined && base !== 'scratch' && !base.includes(':')) expect(text).toContain(` AS ${base}\n`);
    }
  });

  test('copies only files that exist', () => {
    const copied = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(0);
    for (const path of copied) expect(() => readFileSync(at(path))).not.toThrow(/ENOENT/);
  });
});

test('the image of the server runs as an unprivileged user and says whether it is healthy', () => {
  const last =
    readFileSync(at('Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  expect(last).toMatch(/^USER \d+:\d+$/m);
  expect(last).toMatch(/^HEALTHCHECK /m);
});

describe('what the containers run', () => {
  const openssh = findPeer('openssh-machine');
  const given = openssh === null ? test.skip : test;

  given(
    'prepare.mjs, the server, its health check, and the interoperability runner against it',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'latticeport-compose-'));
      const port = await freePort();
      const env = {
        LISTEN_HOST: '127.0.0.1',
        LISTEN_PORT: String(port),
        S3_ENDPOINT: undefined,
        NODE_OPTIONS: undefined,
      };
      const node = process.execPath;
      const healthy = [node, at('docker/healthcheck.mjs'), String(port)];
      try {
        expect((await runProgram(healthy)).code).toBe(1);
        await mustRun([node, at('docker/prepare.mjs'), directory], { env });
        const kept = readFileSync(join(directory, 'identity.json'), 'utf8');
        await mustRun([node, at('docker/prepare.mjs'), directory], { env });
        expect(readFileSync(join(directory, 'identity.json'), 'utf8')).toBe(kept);

        const server = new ServerProcess(
          [node, at('dist/cli/main.js'), 'serve', '--config', join(directory, 'latticeport.json')],
          { env },
        );
        try {
          await server.listening(port);
          expect((await runProgram(healthy)).code).toBe(0);
          const { stdout } = await mustRun([at('docker/run-interop.sh'), 'OpenSSH (this machine)'], {
            env: {
              ...env,
              SERVER: `127.0.0.1:${port}`,
              IDENTITY: join(directory, 'identity.json'),
              OUT: join(directory, 'out'),
              PATH: `${join(node, '..')}:${process.env['PATH'] ?? ''}`,
            },
            timeoutMs: 120_000,
          });
          expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed, 0 skipped$/m);
        } finally {
          expect(await server.stop()).toBe('exit status 0');
        }
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
    180_000,
  );
});
