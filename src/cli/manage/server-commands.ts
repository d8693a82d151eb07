import type { DescribedServer, Transfer, UpdateServerRequest } from '@aws-sdk/client-transfer';
import type { Command } from 'commander';
import type { ServerProtocolDetails, Tag } from '../../state/records.ts';
import { CliError } from '../cli-error.ts';
import { writeDescribed, writeDone, writeList } from './answers.ts';
import type { ManagementApi } from './api-client.ts';
import { addApiOptions, readText, type ApiOptions } from './api-options.ts';
import { chosenServer, listServers } from './chosen-server.ts';
import { repeated, withApi, type CommandContext } from './command-context.ts';
import { given, membersOf, parsePort, parseTag } from './input-members.ts';
import { changeTags } from './tags.ts';

/** The settings of a server that have an option; all others come from `--input`. */
interface SettingOptions extends ApiOptions {
  readonly port?: number;
  readonly securityPolicy?: string;
  readonly banner?: string;
  readonly setStat?: string;
  readonly tag: readonly Tag[];
  readonly input?: string;
}

interface CreateOptions extends SettingOptions {
  readonly hostKey?: string;
}

interface UpdateOptions extends SettingOptions {
  readonly untag: readonly string[];
}

/** Adds `server list|describe|create|update|start|stop|delete`. */
export function registerServerCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const server = program
    .command('server')
    .description('the SFTP servers of an installation, through the management API');

  addApiOptions(server.command('list'))
    .description('list the servers')
    .action((options: ApiOptions) =>
      withApi(context, options, async (api) => {
        const servers = await listServers(api);
        writeList(
          terminal,
          options,
          servers,
          [
            ['SERVER', (each) => each.ServerId],
            ['STATE', (each) => each.State],
            ['USERS', (each) => each.UserCount],
            ['PROVIDER', (each) => each.IdentityProviderType],
            ['DOMAIN', (each) => each.Domain],
          ],
          'there is no server',
        );
      }),
    );

  addApiOptions(server.command('describe'))
    .description('show a server: its settings, state, port, host key')
    .argument('[server]', 'its id (default: the only one)')
    .action((id: string | undefined, options: ApiOptions) =>
      withApi(context, options, async (api) => {
        const described = await describeServer(api, await chosenServer(api, id));
        writeDescribed(terminal, options, described);
      }),
    );

  addSettingOptions(server.command('create'))
    .description('make a server and start it')
    .option('-p, --port <port>', 'its port (default: the next free one of the configured range)', parsePort)
    .option('--host-key <file>', 'its private host key (default: new ones are made)')
    .action((options: CreateOptions) =>
      withApi(context, options, async (api) => {
        const details = protocolDetails({}, options);
        const { ServerId = '' } = await api.call((transfer) =>
          transfer.createServer({
            ...membersOf(options.input),
            ...settings(options),
            ...given({
              HostKey: options.hostKey === undefined ? undefined : readText(options.hostKey),
              Tags: options.tag.length > 0 ? [...options.tag] : undefined,
              ProtocolDetails: details,
            }),
          }),
        );
        await writeState(api, ServerId, options);
      }),
    );

  addSettingOptions(server.command('update'))
    .description('change settings of a server; those that are not named stay')
    .argument('[server]', 'its id (default: the only one)')
    .option('-p, --port <port>', 'another port; the server has to be stopped', parsePort)
    .option('--untag <key>', 'take a tag away (may be repeated)', repeated, [])
    .action((id: string | undefined, options: UpdateOptions) =>
      withApi(context, options, async (api) => {
        const ServerId = await chosenServer(api, id);
        const members: Partial<UpdateServerRequest> = { ...membersOf(options.input), ...settings(options) };
        const before = await describeServer(api, ServerId);
        // The API takes what stands in ProtocolDetails as a whole.
        const details = protocolDetails(members.ProtocolDetails ?? before.ProtocolDetails ?? {}, options);
        const update = { ...members, ...given({ ProtocolDetails: details }) };
        const changes = Object.keys(update).length > 0;
        if (changes) await api.call((transfer) => transfer.updateServer({ ...update, ServerId }));
        const tagged = await changeTags(api, before.Arn, options);
        if (!changes && !tagged) throw new CliError('what shall change? Name a setting: see --help');
        await writeState(api, ServerId, options);
      }),
    );

  for (const { name, description, call } of [
    {
      name: 'start',
      description: 'open the port of a server',
      call: (transfer: Transfer, ServerId: string) => transfer.startServer({ ServerId }),
    },
    {
      name: 'stop',
      description: 'close the port of a server; running transfers finish first',
      call: (transfer: Transfer, ServerId: string) => transfer.stopServer({ ServerId }),
    },
  ]) {
    addApiOptions(server.command(name))
      .description(description)
      .argument('[server]', 'its id (default: the only one)')
      .action((id: string | undefined, options: ApiOptions) =>
        withApi(context, options, async (api) => {
          const ServerId = await chosenServer(api, id);
          await api.call((transfer) => call(transfer, ServerId));
          await writeState(api, ServerId, options);
        }),
      );
  }

  addApiOptions(server.command('delete'))
    .description('delete a server with its users and host keys; the files stay')
    .argument('<server>', 'its id')
    .action((ServerId: string, options: ApiOptions) =>
      withApi(context, options, async (api) => {
        await api.call((transfer) => transfer.deleteServer({ ServerId }));
        writeDone(terminal, options, { ServerId }, `${ServerId} is deleted`);
      }),
    );

  async function writeState(api: ManagementApi, ServerId: string, options: ApiOptions): Promise<void> {
    const described = await describeServer(api, ServerId);
    writeDone(terminal, options, described, stateInWords(described));
    if (described.State?.endsWith('_FAILED') === true) terminal.exit(1);
  }
}

export type ServerWithPorts = Omit<DescribedServer, 'ProtocolDetails'> & {
  readonly ProtocolDetails?: ServerProtocolDetails | undefined;
};

/** Throws CliError. */
export async function describeServer(api: ManagementApi, ServerId: string): Promise<ServerWithPorts> {
  const { Server } = await api.call((transfer) => transfer.describeServer({ ServerId }));
  if (Server === undefined) throw new CliError(`the API says nothing of ${ServerId}`);
  return Server;
}

/** `s-… is ONLINE on port 2022, host key SHA256:…` */
export function stateInWords({ ServerId, State, ProtocolDetails, HostKeyFingerprint }: ServerWithPorts): string {
  const ports = (ProtocolDetails?.SftpPorts ?? []).map(({ SftpPort }) => SftpPort);
  const where = ports.length === 0 ? '' : ` on port ${ports.join(', ')}`;
  const key = HostKeyFingerprint === undefined ? '' : `, host key ${HostKeyFingerprint}`;
  return `${ServerId ?? ''} is ${State ?? 'there'}${where}${key}`;
}

function addSettingOptions(command: Command): Command {
  return addApiOptions(command)
    .option('--security-policy <name>', 'its security policy')
    .option('--banner <file>', 'what clients are shown before the login')
    .option('--set-stat <option>', 'DEFAULT, or ENABLE_NO_OP: attributes that clients set are ignored')
    .option('--tag <key=value>', 'a tag (may be repeated)', parseTag, [])
    .option('--input <file>', "other members of the request, as JSON with the API's names");
}

function settings({ securityPolicy, banner }: SettingOptions): {
  SecurityPolicyName?: string;
  PreAuthenticationLoginBanner?: string;
} {
  return given({
    SecurityPolicyName: securityPolicy,
    PreAuthenticationLoginBanner: banner === undefined ? undefined : readText(banner),
  });
}

/** `before` with what the options say; undefined where they say nothing. */
function protocolDetails(
  before: ServerProtocolDetails,
  { port, setStat }: SettingOptions,
): ServerProtocolDetails | undefined {
  if (port === undefined && setStat === undefined) return undefined;
  return {
    ...before,
    ...given({
      SftpPorts: port === undefined ? undefined : [{ SftpPort: port }],
      // The API says which there are.
      SetStatOption: setStat as ServerProtocolDetails['SetStatOption'],
    }),
  };
}
