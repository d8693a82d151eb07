import { resolve } from 'node:path';
import { mustRun } from '../../test/peers/process.ts';
import { findProgram } from '../../test/peers/peers.ts';
import type { BenchServer } from '../servers/bench-server.ts';
import { latticeport, openssh10 } from '../servers/servers.ts';
import type { Scenario } from './scenario.ts';

const SCRIPT = resolve(import.meta.dirname, '../../test/interop/openssh-regress.sh');

/** Not started as a server: the script starts it for each of its sessions, on standard input and output. */
const onStdio = (server: BenchServer): BenchServer => ({
  ...server,
  version: findProgram('openssh-backports', 'sftp') === null ? null : server.version,
  start: () =>
    Promise.resolve({
      port: 0,
      user: server.name,
      pid: process.pid,
      remoteRoot: '/',
      processPerSession: true,
      stop: () => Promise.resolve(),
    }),
});

/** Packets of five bytes: nothing but the cost of a packet and of a start. */
export const regress: Scenario = {
  name: 'regress',
  title: "OpenSSH's regress test sftp.sh",
  method:
    "The test of OpenSSH's own suite, unmodified, with `latticeport sftp-stdio` or OpenSSH's sftp-server as the server: transfers " +
    'in packets of 5 bytes and more, a new server process for each.',
  metrics: [{ name: 'time', unit: 's', better: 'lower' }],
  cases: ['sftp'],
  servers: [onStdio(latticeport), onStdio(openssh10)],
  async measure(bench, server, oneCase) {
    // Two hundred starts are too much for a look whether it runs.
    const test = bench.smoke ? 'sftp-batch' : oneCase;
    const { milliseconds } = await mustRun(['bash', SCRIPT, test], {
      env: { SFTP_SERVER: server.user === 'latticeport' ? 'latticeport' : 'openssh' },
      timeoutMs: 600_000,
    });
    return { time: milliseconds / 1000 };
  },
};
