import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { SSH_VERSION } from '../../server/version.ts';
import { CliError } from '../cli-error.ts';
import type { MethodResult, ProbeReport } from './probe.ts';
import { probe } from './probe.ts';

const SSH_PORT = 22;
const DEFAULT_TIMEOUT_SECONDS = 10;

/** `latticeport probe HOST[:PORT]`: exit code 0 when a post-quantum exchange works, 2 when none does. */
export function registerProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('try every key exchange that an SSH server offers, and say whether it is quantum-safe')
    .argument('<host>', 'HOST, HOST:PORT or [IPv6]:PORT', parseTarget)
    .option('--json', 'print JSON', false)
    .option('--timeout <seconds>', 'for each connection', parseSeconds, DEFAULT_TIMEOUT_SECONDS)
    .action(async (target: { host: string; port: number }, options: { json: boolean; timeout: number }) => {
      const report = await probe({ ...target, ourVersion: SSH_VERSION, timeoutMs: options.timeout * 1000 }).catch(
        (error: unknown) => {
          throw new CliError(
            `${target.host} port ${target.port}: ${error instanceof Error ? error.message : String(error)}`,
          );
        },
      );
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : formatProbe(report));
      if (!report.verdict.startsWith('quantum-safe')) process.exitCode = 2;
    });
}

/** The report as text for people. */
function formatProbe(report: ProbeReport): string {
  const rows = report.methods.map((result) => [
    result.method,
    result.family === 'pq-hybrid' ? 'post-quantum' : result.family,
    outcomeText(result),
    result.milliseconds === null ? '' : `${result.milliseconds.toFixed(1)} ms`,
    result.bytesSent === null || result.bytesReceived === null ? '' : `${result.bytesSent} + ${result.bytesReceived} B`,
  ]);
  const header = ['key exchange', 'family', 'result', 'time', 'sent + received'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    `${report.host} port ${report.port}: ${report.version}`,
    '',
    line(header),
    ...rows.map(line),
    '',
    ...report.hostKeys.map((key) => `host key  ${key.algorithm} (${key.bits} bits)  ${key.fingerprint}`),
    `strict key exchange: ${report.strictKex ? 'yes' : 'no'}`,
    '',
    report.verdict,
    '',
  ].join('\n');
}

function outcomeText(result: MethodResult): string {
  switch (result.outcome) {
    case 'works':
      return 'works';
    case 'fails':
      return `FAILS: ${result.error ?? ''}`;
    case 'refused':
      return 'not tried: no more connections accepted';
    case 'not-implemented':
      return 'not tried: unknown to this build';
  }
}

function parseTarget(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<host>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.['ipv6'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port'] ?? SSH_PORT);
  if (host === undefined || port < 1 || port > 65535)
    throw new InvalidArgumentError('expected HOST, HOST:PORT or [IPv6]:PORT');
  return { host, port };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 600)) throw new InvalidArgumentError('expected seconds, up to 600');
  return seconds;
}
