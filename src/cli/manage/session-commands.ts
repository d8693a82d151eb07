import type { Command } from 'commander';
import type { ListedSession } from '../../management/session-types.ts';
import { dateInWords, writeDone, writeList } from './answers.ts';
import type { ManagementApi } from './api-client.ts';
import { addApiOptions, type ApiOptions } from './api-options.ts';
import { withApi, type CommandContext } from './command-context.ts';
import { given } from './input-members.ts';
import { endSession, listSessions } from './own-operations.ts';

interface ListOptions extends ApiOptions {
  readonly server?: string;
  readonly user?: string;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Adds `session list|end`. */
export function registerSessionCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const session = program
    .command('session')
    .description('the sessions that are open now, on all nodes, through the management API');

  addApiOptions(session.command('list'))
    .description('list who is connected, from where and how')
    .option('-s, --server <id>', 'sessions of this server only')
    .option('-u, --user <name>', 'sessions of users of this name only')
    .action((options: ListOptions) =>
      withApi(context, options, async (api) => {
        const sessions = await openSessions(api, options);
        writeList(
          terminal,
          options,
          sessions,
          [
            ['SESSION', (each) => each.SessionId],
            ['USER', (each) => each.UserName],
            ['SERVER', (each) => each.ServerId],
            ['FROM', (each) => each.RemoteAddress],
            ['LOGIN', (each) => each.AuthenticationMethod],
            ['PQ', (each) => (each.PostQuantum === true ? 'yes' : 'no')],
            ['KEX', (each) => each.Kex],
            ['FILES', (each) => each.OpenFiles],
            ['IN', (each) => bytesInWords(each.BytesIn)],
            ['OUT', (each) => bytesInWords(each.BytesOut)],
            ['SINCE', (each) => dateInWords(each.ConnectedAt)],
            ['NODE', (each) => each.Node],
          ],
          'there is no session',
        );
      }),
    );

  addApiOptions(session.command('end'))
    .description('end a session now, whatever it does; its user can log in again')
    .argument('<session>', 'its id, as session list and the log have it')
    .action((SessionId: string, options: ApiOptions) =>
      withApi(context, options, async (api) => {
        await api.call((transfer) => endSession(transfer, { SessionId }));
        writeDone(terminal, options, { SessionId }, `${SessionId}: its node has been told to end it`);
      }),
    );
}

/** In the order in which they began. Throws CliError. */
function openSessions(api: ManagementApi, { server, user }: ListOptions): Promise<ListedSession[]> {
  const wanted = given({ ServerId: server, UserName: user });
  return api.all(async (transfer, NextToken) => {
    const answer = await listSessions(transfer, { ...wanted, NextToken });
    return { items: answer.Sessions, next: answer.NextToken };
  });
}

/** `0 B`, `1.5 MiB`, `310 GiB` */
function bytesInWords(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const number = bytes / 1024 ** power;
  return `${number.toFixed(power === 0 || number >= 100 ? 0 : 1)} ${UNITS[power] ?? ''}`;
}
