import type { Command } from 'commander';
import { CliError } from '../../cli-error.ts';
import { writeJson } from '../../terminal.ts';
import type { ManagementApi } from '../api-client.ts';
import { addApiOptions, readText, type ApiOptions } from '../api-options.ts';
import { withApi, type CommandContext } from '../command-context.ts';
import { parsePort } from '../input-members.ts';
import { describeServer, type ServerWithPorts } from '../server-commands.ts';
import { importServer, standIns, type ImportChoices } from './import-server.ts';
import { importUser, userNamesOf, type UsersServer } from './import-user.ts';
import { writeImported, writeSummary, type Imported } from './imported.ts';
import { readTransferDocuments, type TransferDocuments } from './transfer-documents.ts';

interface ImportOptions extends ApiOptions {
  readonly dryRun: boolean;
  readonly server?: string;
  readonly hostKey?: string;
  readonly port?: number;
  readonly securityPolicy?: string;
}

/** Adds `import transfer-family FILE...`. */
export function registerImportCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const command = program.command('import').description('make here what another service has');
  addApiOptions(command.command('transfer-family'))
    .description('make the servers and users that aws transfer describe-server and describe-user have printed')
    .argument(
      '<files...>',
      'their output: a file may hold one answer, an array of them, or several one after the other',
    )
    .option('-n, --dry-run', 'say what would be made, and change nothing', false)
    .option('-s, --server <id>', 'the server here that takes the users (default: the one that stands for theirs)')
    .option('--host-key <file>', 'the private host key of the server that is made')
    .option('-p, --port <port>', 'the port of the server that is made (default: the next free one)', parsePort)
    .option('--security-policy <name>', 'another security policy than there')
    .addHelpText(
      'after',
      '\nWhat is there already is compared and left as it is. Exit code: 0; 1 where something failed.',
    )
    .action((files: string[], options: ImportOptions) =>
      withApi(context, options, async (api) => {
        const documents = readTransferDocuments(files);
        checkOptions(documents, options);
        const all: Imported[] = [];
        for await (const imported of importAll(api, documents, options)) {
          all.push(imported);
          if (!options.json) writeImported(imported, terminal);
        }
        if (options.json) writeJson(terminal, all);
        else {
          if (documents.hostKeys > 0) {
            terminal.line('Descriptions of host keys hold no private key: latticeport host-key import takes its file.');
          }
          writeSummary(all, terminal);
        }
        if (all.some(({ outcome }) => outcome === 'failed')) terminal.exit(1);
      }),
    );
}

/** Imports the servers, then the users. */
async function* importAll(
  api: ManagementApi,
  documents: TransferDocuments,
  options: ImportOptions,
): AsyncGenerator<Imported> {
  const choices: ImportChoices = {
    dryRun: options.dryRun,
    hostKey: options.hostKey === undefined ? null : readText(options.hostKey),
    port: options.port ?? null,
    securityPolicy: options.securityPolicy ?? null,
  };
  const given = options.server === undefined ? undefined : await describeServer(api, options.server);
  const known = given === undefined ? await standIns(api) : new Map<string, ServerWithPorts>();
  const targets = new Map<string, UsersServer>();
  for (const [standsFor, { ServerId = '' }] of known) targets.set(standsFor, await usersServer(api, ServerId));
  for (const server of documents.servers) {
    const imported = await importServer(api, server, given ?? known.get(server.serverId), choices);
    if (imported.serverId !== null && !targets.has(server.serverId)) {
      targets.set(server.serverId, await usersServer(api, imported.serverId));
    } else if (imported.outcome === 'would be made') {
      targets.set(server.serverId, { serverId: null, userNames: new Set() });
    }
    yield withUserCount(imported, server, documents);
  }
  const all = given?.ServerId === undefined ? null : await usersServer(api, given.ServerId);
  for (const user of documents.users) {
    const target = all ?? targets.get(user.serverId);
    yield target === undefined ? homeless(user) : await importUser(api, user, target, options.dryRun);
  }
}

async function usersServer(api: ManagementApi, serverId: string): Promise<UsersServer> {
  return { serverId, userNames: await userNamesOf(api, serverId) };
}

/** A user whose server is not here. */
function homeless({ userName, serverId }: TransferDocuments['users'][number]): Imported {
  const notes = [
    `no server here stands for ${serverId}: add the output of aws transfer describe-server, or name one with --server`,
  ];
  return { kind: 'user', name: userName, serverId: null, outcome: 'failed', notes, noCounterpart: [] };
}

/** Says where the files have fewer users than the server had. */
function withUserCount(
  imported: Imported,
  { serverId, described }: TransferDocuments['servers'][number],
  { users }: TransferDocuments,
): Imported {
  const count = Number(described['UserCount'] ?? 0);
  const inFiles = users.filter((user) => user.serverId === serverId).length;
  if (inFiles >= count) return imported;
  return {
    ...imported,
    notes: [...imported.notes, `it had ${count} users there, of which the files describe ${inFiles}`],
  };
}

function checkOptions({ servers, users }: TransferDocuments, options: ImportOptions): void {
  const ids = new Set([...servers, ...users].map(({ serverId }) => serverId));
  if (options.server !== undefined && ids.size > 1) {
    throw new CliError(`--server takes the users of one server, and the files are of ${ids.size}`);
  }
  if (servers.length > 1 && (options.hostKey !== undefined || options.port !== undefined)) {
    throw new CliError(`--host-key and --port are for one server, and the files describe ${servers.length}`);
  }
}
