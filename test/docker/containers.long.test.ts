// No container engine is needed: the compose file is read by docker-compose, the Dockerfiles by a linter, and what the
// containers would run is run here.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { findPeer } from '../peers/peers.ts';
import { freePort, mustRun, runProgram, ServerProcess } from '../peers/process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const at = (path: string): string => join(ROOT, path);

/** It makes eleven keys, each with a process of its own, two of them RSA with 3072 bits. */
const PREPARE_MS = 180_000;

interface ComposeService {
  readonly image?: string;
  readonly build?: unknown;
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly unknown[];
  readonly volumes?: readonly unknown[];
}

/** `1m30s` */
function seconds(duration = ''): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

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

  given(
    'keeps the server running, lets it drain, and keeps what it spools on a disk',
    async () => {
      const command = [...(compose?.command ?? []), '-f', at('docker-compose.yml'), '--profile', 'interop', 'config'];
      const { stdout } = await mustRun(command, { cwd: ROOT });
      const { services, volumes } = parse(stdout) as {
        services: Record<string, ComposeService | undefined>;
        volumes: Record<string, unknown>;
      };
      const { latticeport, prepare, store } = services;
      expect(latticeport?.restart).toBe('unless-stopped');
      expect(store?.restart).toBe('unless-stopped');
      const directory = mkdtempSync(join(tmpdir(), 'latticeport-compose-'));
      try {
        const env = { ...prepare?.environment, S3_ENDPOINT: undefined, NODE_OPTIONS: undefined };
        await mustRun([process.execPath, at('docker/prepare.mjs'), directory], { env, timeoutMs: PREPARE_MS });
        const { config } = loadConfig(join(directory, 'latticeport.json'));
        expect(seconds(latticeport?.stop_grace_period)).toBeGreaterThan(config.shutdown.drainSeconds + 10);
        expect(latticeport?.ports).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ target: config.listen.port }),
            expect.objectContaining({ target: config.metrics?.port, host_ip: '127.0.0.1' }),
          ]),
        );
        // Published, it has to be reached from outside of the container.
        expect(config.metrics?.host).toBe('0.0.0.0');
      } finally {
        rmSync(directory, { recursive: true });
      }
      const spool = prepare?.environment?.['SPOOL_DIRECTORY'];
      expect(latticeport?.volumes).toContainEqual(
        expect.objectContaining({ type: 'volume', source: 'spool', target: spool }),
      );
      expect(Object.keys(volumes)).toContain('spool');
      expect(readFileSync(at('Dockerfile'), 'utf8')).toContain(
        `chown latticeport:latticeport /etc/latticeport /data ${spool}`,
      );
    },
    PREPARE_MS + 60_000,
  );

  given('names the version of every image that it does not build', async () => {
    const command = [...(compose?.command ?? []), '-f', at('docker-compose.yml'), '--profile', 'interop', 'config'];
    const { stdout } = await mustRun(command, { cwd: ROOT });
    const { services } = parse(stdout) as { services: Record<string, ComposeService> };
    const images = Object.values(services).filter(({ build }) => build === undefined);
    expect(images.length).toBeGreaterThan(0);
    for (const { image } of images) expect(image).toMatch(/:\d+\.\d+/);
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

test('the images have the Node of package.json', () => {
  const { devDependencies } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as {
    devDependencies: { node: string };
  };
  for (const name of ['Dockerfile', 'docker/interop.Dockerfile']) {
    const versions = readFileSync(at(name), 'utf8').matchAll(/^(?:FROM |COPY --from=)node:([\d.]+)-/gm);
    expect(new Set([...versions].map(([, version]) => version))).toEqual(new Set([devDependencies.node]));
  }
});

test('our client in C on the library of wolfSSH includes the header of wc_Sha256Hash, which not every build brings along', () => {
  const source = readFileSync(at('docker/wolfssh/sftp-client.c'), 'utf8');
  expect(source).toContain('wc_Sha256Hash(');
  expect(source).toContain('#include <wolfssl/wolfcrypt/hash.h>\n');
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
    'prepare.mjs, the server, its health check, the login that is documented, and the interoperability runner against it',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'latticeport-compose-'));
      const port = await freePort();
      const env = {
        LISTEN_HOST: '127.0.0.1',
        LISTEN_PORT: String(port),
        METRICS_PORT: String(await freePort()),
        S3_ENDPOINT: undefined,
        NODE_OPTIONS: undefined,
      };
      const node = process.execPath;
      const config = join(directory, 'latticeport.json');
      const healthy = [node, at('docker/healthcheck.mjs'), config];
      try {
        await mustRun([node, at('docker/prepare.mjs'), directory], { env, timeoutMs: PREPARE_MS });
        const kept = readFileSync(join(directory, 'identity.json'), 'utf8');
        await mustRun([node, at('docker/prepare.mjs'), directory], { env, timeoutMs: PREPARE_MS });
        expect(readFileSync(join(directory, 'identity.json'), 'utf8')).toBe(kept);
        expect((await runProgram(healthy)).code).toBe(1);

        const server = new ServerProcess([node, at('dist/cli/main.js'), 'serve', '--config', config], { env });
        try {
          await server.line((line) => line.includes('"server.listening"'));
          expect((await runProgram(healthy)).code).toBe(0);
          // Every ten seconds, day and night: nobody has to read that.
          expect(server.lines.filter((line) => line.includes('"session.'))).toEqual([]);
          // What docker-compose.yml and the README tell a person to do; `cp` is what takes the folder out of the container.
          const [text = '', login = ''] =
            /docker compose cp latticeport:\/etc\/latticeport\/login \.\/login\n#? +(sftp .+)\n/.exec(
              readFileSync(at('docker-compose.yml'), 'utf8'),
            ) ?? [];
          expect(readFileSync(at('README.md'), 'utf8')).toContain(text.replaceAll(/^#? +/gm, ''));
          mkdirSync(join(directory, 'elsewhere'));
          cpSync(join(directory, 'login'), join(directory, 'elsewhere/login'), { recursive: true });
          const [program = '', ...words] = login.replace('2222', String(port)).split(' ');
          expect(program).toBe('sftp');
          const strict = ['-F', 'none', '-o', 'StrictHostKeyChecking=yes', '-b', '-'];
          const listed = await mustRun([...(openssh?.command ?? []), ...strict, ...words], {
            cwd: join(directory, 'elsewhere'),
            input: 'pwd\n',
          });
          expect(listed.stdout).toContain('Remote working directory: /');
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
    PREPARE_MS + 180_000,
  );
});
