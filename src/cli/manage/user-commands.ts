import type { CreateUserRequest, DescribedUser, ListedUser } from '@aws-sdk/client-transfer';
import type { Command } from 'commander';
import type { Tag } from '../../state/records.ts';
import { CliError } from '../cli-error.ts';
import { writeDescribed, writeDone, writeList } from './answers.ts';
import type { ManagementApi } from './api-client.ts';
import { readText } from './api-options.ts';
import { addServerOption, repeated, withServer, type CommandContext, type ServerOptions } from './command-context.ts';
import { given, membersOf, parseMapping, parsePosix, parseTag } from './input-members.ts';
import { keyLine } from './key-line.ts';
import { changeTags } from './tags.ts';

/** The tag that keeps a user from logging in. */
const DISABLED = 'latticeport:disabled';

/** The settings of a user that have an option; all others come from `--input`. */
interface SettingOptions extends ServerOptions {
  readonly role?: string;
  readonly home?: string;
  readonly map: readonly { Entry: string; Target: string }[];
  readonly policy?: string;
  readonly posix?: ReturnType<typeof parsePosix>;
  readonly tag: readonly Tag[];
  readonly input?: string;
}

interface CreateOptions extends SettingOptions {
  readonly key?: string;
}

interface UpdateOptions extends SettingOptions {
  readonly untag: readonly string[];
}

/** Adds `user list|describe|create|update|disable|enable|delete`. */
export function registerUserCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const user = program.command('user').description('the users of a server, through the management API');

  addServerOption(user.command('list'))
    .description('list the users of a server')
    .action((options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const users = await listUsers(api, ServerId);
        writeList(
          terminal,
          options,
          users,
          [
            ['USER', (each) => each.UserName],
            ['KEYS', (each) => each.SshPublicKeyCount],
            ['HOME', (each) => (each.HomeDirectoryType === 'LOGICAL' ? 'LOGICAL' : each.HomeDirectory)],
            ['ROLE', (each) => each.Role],
          ],
          `${ServerId} has no users`,
        );
      }),
    );

  addServerOption(user.command('describe'))
    .description('show a user: its settings, keys and tags')
    .argument('<user>', 'its name')
    .action((name: string, options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const described = await describeUser(api, ServerId, name);
        writeDescribed(terminal, options, described);
      }),
    );

  addSettingOptions(user.command('create'))
    .description('make a user')
    .argument('<user>', 'its name')
    .option('-k, --key <key>', 'its public key: a file, or the line itself')
    .action((UserName: string, options: CreateOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const members: Partial<CreateUserRequest> = { ...membersOf(options.input), ...settings(options) };
        const { Role } = members;
        if (Role === undefined) {
          throw new CliError('which role? --role names one that the configuration maps to a storage');
        }
        await api.call((transfer) =>
          transfer.createUser({
            ...members,
            ...given({
              SshPublicKeyBody: options.key === undefined ? undefined : keyLine(options.key),
              Tags: options.tag.length > 0 ? [...options.tag] : undefined,
            }),
            Role,
            ServerId,
            UserName,
          }),
        );
        writeDone(terminal, options, { ServerId, UserName }, `user ${UserName} of ${ServerId} is made`);
      }),
    );

  addSettingOptions(user.command('update'))
    .description('change settings of a user; those that are not named stay')
    .argument('<user>', 'its name')
    .option('--untag <key>', 'take a tag away (may be repeated)', repeated, [])
    .action((UserName: string, options: UpdateOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const update = { ...membersOf(options.input), ...settings(options) };
        const changes = Object.keys(update).length > 0;
        if (!changes && options.tag.length + options.untag.length === 0) {
          throw new CliError('what shall change? Name a setting: see --help');
        }
        const { Arn } = await describeUser(api, ServerId, UserName);
        if (changes) await api.call((transfer) => transfer.updateUser({ ...update, ServerId, UserName }));
        await changeTags(api, Arn, options);
        writeDone(terminal, options, { ServerId, UserName }, `user ${UserName} of ${ServerId} is changed`);
      }),
    );

  for (const { name, description, tags, done } of [
    {
      name: 'disable',
      description: `keep a user from logging in, and keep its settings (the tag ${DISABLED})`,
      tags: { tag: [{ Key: DISABLED, Value: 'true' }], untag: [] },
      done: 'cannot log in',
    },
    {
      name: 'enable',
      description: 'let a user log in again',
      tags: { tag: [], untag: [DISABLED] },
      done: 'can log in',
    },
  ]) {
    addServerOption(user.command(name))
      .description(description)
      .argument('<user>', 'its name')
      .action((UserName: string, options: ServerOptions) =>
        withServer(context, options, async (api, ServerId) => {
          const { Arn } = await describeUser(api, ServerId, UserName);
          await changeTags(api, Arn, tags);
          writeDone(terminal, options, { ServerId, UserName }, `user ${UserName} of ${ServerId} ${done}`);
        }),
      );
  }

  addServerOption(user.command('delete'))
    .description('delete a user; its files stay')
    .argument('<user>', 'its name')
    .action((UserName: string, options: ServerOptions) =>
      withServer(context, options, async (api, ServerId) => {
        await api.call((transfer) => transfer.deleteUser({ ServerId, UserName }));
        writeDone(terminal, options, { ServerId, UserName }, `user ${UserName} of ${ServerId} is deleted`);
      }),
    );
}

/** All users of a server, in the API's order. Throws CliError. */
export function listUsers(api: ManagementApi, ServerId: string): Promise<ListedUser[]> {
  return api.all(async (transfer, NextToken) => {
    const answer = await transfer.listUsers({ ServerId, NextToken });
    return { items: answer.Users, next: answer.NextToken };
  });
}

/** Throws CliError. */
export async function describeUser(api: ManagementApi, ServerId: string, UserName: string): Promise<DescribedUser> {
  const { User } = await api.call((transfer) => transfer.describeUser({ ServerId, UserName }));
  if (User === undefined) throw new CliError(`the API says nothing of user ${UserName}`);
  return User;
}

function addSettingOptions(command: Command): Command {
  return addServerOption(command)
    .option('-r, --role <arn>', 'its role, which the configuration maps to a storage and permissions')
    .option('--home <path>', 'its home directory, as /bucket/prefix')
    .option(
      '-m, --map <entry=target>',
      'a logical directory, as /in=/bucket/prefix (may be repeated)',
      parseMapping,
      [],
    )
    .option('--policy <file>', 'its session policy: JSON of IAM')
    .option('--posix <uid:gid>', 'its POSIX profile, for storages that keep owners', parsePosix)
    .option('--tag <key=value>', 'a tag, such as latticeport:expires=2027-01-31 (may be repeated)', parseTag, [])
    .option('--input <file>', "other members of the request, as JSON with the API's names");
}

function settings({ role, home, map, policy, posix }: SettingOptions): Partial<CreateUserRequest> {
  return given({
    Role: role,
    HomeDirectory: home,
    // Not PATH where only a home is named: that would take the mappings of a LOGICAL user away, and show it all of the storage.
    HomeDirectoryType: map.length > 0 ? ('LOGICAL' as const) : undefined,
    HomeDirectoryMappings: map.length > 0 ? [...map] : undefined,
    Policy: policy === undefined ? undefined : readText(policy),
    PosixProfile: posix,
  });
}
