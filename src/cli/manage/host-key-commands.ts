import type { ListedHostKey } from '@aws-sdk/client-transfer';
import type { Command } from 'commander';
import type { Tag } from '../../state/records.ts';
import { CliError } from '../cli-error.ts';
import { dateInWords, writeDescribed, writeDone, writeList } from './answers.ts';
import type { ManagementApi } from './api-client.ts';
import { readText } from './api-options.ts';
import { chosenServer } from './chosen-server.ts';
import { addServerOption, withApi, withServer, type CommandContext, type ServerOptions } from './command-context.ts';
import { parseTag } from './input-members.ts';

interface ImportOptions extends ServerOptions {
  readonly description?: string;
  readonly tag: readonly Tag[];
}

/** Adds `host-key list|describe|import|delete`. */
export function registerHostKeyCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const hostKey = program.command('host-key').description('the host keys of a server, through the management API');

  addServerOption(hostKey.command('list'))
    .description('list the host keys of a server')
    .action((options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const keys = await listHostKeys(api, ServerId);
        writeList(
          terminal,
          options,
          keys,
          [
            ['HOST KEY', (each) => each.HostKeyId],
            ['TYPE', (each) => each.Type],
            ['FINGERPRINT', (each) => each.Fingerprint],
            ['IMPORTED', (each) => dateInWords(each.DateImported)],
            ['DESCRIPTION', (each) => each.Description],
          ],
          `${ServerId} has no host keys`,
        );
      }),
    );

  addServerOption(hostKey.command('describe'))
    .description('show a host key; its private part is never shown')
    .argument('<host-key>', 'its id')
    .action((HostKeyId: string, options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const { HostKey = {} } = await api.call((transfer) => transfer.describeHostKey({ ServerId, HostKeyId }));
        writeDescribed(terminal, options, HostKey);
      }),
    );

  addServerOption(hostKey.command('import'))
    .description('give a server a host key; of several of one type the oldest signs')
    .argument('<file>', 'the private key, without a passphrase')
    .option('--description <text>', 'what it is for')
    .option('--tag <key=value>', 'a tag (may be repeated)', parseTag, [])
    .action((file: string, options: ImportOptions) =>
      withApi(context, options, async (api) => {
        const HostKeyBody = readText(file);
        if (!/PRIVATE KEY-----/.test(HostKeyBody)) throw new CliError(`${file} is no private key`);
        const ServerId = await chosenServer(api, options.server);
        const { HostKeyId = '' } = await api.call((transfer) =>
          transfer.importHostKey({
            ServerId,
            HostKeyBody,
            Description: options.description,
            ...(options.tag.length > 0 && { Tags: [...options.tag] }),
          }),
        );
        const { HostKey } = await api.call((transfer) => transfer.describeHostKey({ ServerId, HostKeyId }));
        const { Type = '', HostKeyFingerprint = '' } = HostKey ?? {};
        writeDone(terminal, options, HostKey ?? {}, `${HostKeyId}: ${ServerId} has ${Type} ${HostKeyFingerprint}`);
        if (options.json) return;
        // The oldest of a type signs; clients that know the protocol's announcements learn the others.
        const others = (await listHostKeys(api, ServerId)).filter(
          (each) => each.Type === Type && each.HostKeyId !== HostKeyId,
        );
        for (const { HostKeyId: older = '' } of others) {
          terminal.line(`  before it signs, ${older} of the same type has to go: latticeport host-key delete ${older}`);
        }
      }),
    );

  addServerOption(hostKey.command('delete'))
    .description('end the use of a host key')
    .argument('<host-key>', 'its id')
    .action((HostKeyId: string, options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        await api.call((transfer) => transfer.deleteHostKey({ ServerId, HostKeyId }));
        writeDone(terminal, options, { ServerId, HostKeyId }, `${HostKeyId} of ${ServerId} is deleted`);
      }),
    );
}

function listHostKeys(api: ManagementApi, ServerId: string): Promise<ListedHostKey[]> {
  return api.all(async (transfer, NextToken) => {
    const answer = await transfer.listHostKeys({ ServerId, NextToken });
    return { items: answer.HostKeys, next: answer.NextToken };
  });
}
