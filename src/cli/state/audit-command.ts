import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { AuditRecord } from '../../state/records.ts';
import { printable } from '../../telemetry/printable.ts';
import { styled, writeJson, type Terminal } from '../terminal.ts';
import { configured, withState } from './configured-state.ts';

interface AuditOptions {
  readonly config: string;
  readonly limit: number;
  readonly before?: number;
  readonly json?: boolean;
}

/** `latticeport audit`: who has changed what in the state, newest first. */
export function registerAuditCommand(program: Command, terminal: Terminal): void {
  configured(program.command('audit').description('who has changed what, newest first'))
    .option('-n, --limit <number>', 'at most so many changes', wholeNumber, 50)
    .option('--before <revision>', 'older ones: those before this revision', wholeNumber)
    .option('--json', 'print JSON')
    .action((options: AuditOptions) => audit(terminal, options));
}

async function audit(terminal: Terminal, { config, limit, before, json = false }: AuditOptions): Promise<void> {
  const records = await withState(config, (state) =>
    state.auditTrail({ limit, ...(before === undefined ? {} : { before }) }),
  );
  if (json) writeJson(terminal, records);
  else if (records.length === 0) terminal.line('Nothing has been changed.');
  else for (const record of records) writeChange(terminal, record);
}

/** The change in one line, and below it the members that differ. */
function writeChange(terminal: Terminal, record: AuditRecord): void {
  const { revision, at, accessKeyId, remoteAddress, operation, resource } = record;
  const author = remoteAddress === '' ? accessKeyId : `${accessKeyId} from ${remoteAddress}`;
  const head = `${revision}  ${new Date(at).toISOString()}  ${author}  ${operation}  ${resource}`;
  terminal.line(styled(terminal, 'bold', printable(head)));
  for (const [sign, value] of [
    ['-', record.before],
    ['+', record.after],
  ] as const) {
    if (value !== null) terminal.line(printable(`    ${sign} ${JSON.stringify(value)}`));
  }
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('expected a number from 1 on');
  return number;
}
