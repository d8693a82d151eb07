import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import {
  createAccessKey,
  deleteAccessKey,
  disableAccessKey,
  listAccessKeys,
  UnknownAccessKey,
} from '../../management/access-keys.ts';
import type { AccessKeyRole, Author, Tag } from '../../state/records.ts';
import type { StateStore } from '../../state/state-store.ts';
import { StateUnavailable } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';
import { openManagedState } from '../open-managed-state.ts';

const ROLES = ['admin', 'operator', 'read-only'] as const satisfies readonly AccessKeyRole[];
const AUTHOR: Author = { accessKeyId: 'latticeport', remoteAddress: '' };

interface CreateOptions {
  readonly config: string;
  readonly role: AccessKeyRole;
  readonly serverTag?: Tag;
  readonly description?: string;
  readonly json?: boolean;
}

/** `latticeport access-key create|list|disable|delete`: works on the state itself, whether a server runs or not. */
export function registerAccessKeyCommands(program: Command): void {
  const accessKey = program.command('access-key').description('who may call the management API');
  configured(accessKey.command('create').description('make an access key; its secret is printed, and never again'))
    .addOption(new Option('-r, --role <role>', 'what it may do').choices(ROLES).default('admin'))
    .option('--server-tag <key=value>', 'only servers that have this tag', parseTag)
    .option('-d, --description <text>', 'whose it is, for the list')
    .option('--json', 'print JSON')
    .action(create);
  configured(accessKey.command('list').description('the access keys, without their secrets'))
    .option('--json', 'print JSON')
    .action(({ config, json = false }: { config: string; json?: boolean }) => list(config, json));
  configured(accessKey.command('disable').description('refuse an access key from now on'))
    .argument('<id>', 'the access key id')
    .action((id: string, { config }: { config: string }) => disable(config, id));
  configured(accessKey.command('delete').description('delete an access key'))
    .argument('<id>', 'the access key id')
    .action((id: string, { config }: { config: string }) => remove(config, id));
}

function configured(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration with the section "management"', 'latticeport.json');
}

async function create({ config, role, serverTag, description, json = false }: CreateOptions): Promise<void> {
  const { listen, region } = managementOf(config);
  const { accessKeyId, secretAccessKey } = await withState(config, (state) =>
    createAccessKey(state, AUTHOR, { role, serverTag: serverTag ?? null, description: description ?? null }),
  );
  if (json) {
    process.stdout.write(`${JSON.stringify({ accessKeyId, secretAccessKey, role }, null, 2)}\n`);
    return;
  }
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const url = `${listen.tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`;
  process.stdout.write(
    `# The secret is shown this once.\nexport AWS_ACCESS_KEY_ID=${accessKeyId}\n` +
      `export AWS_SECRET_ACCESS_KEY=${secretAccessKey}\nexport AWS_DEFAULT_REGION=${region}\n` +
      `# aws transfer list-servers --endpoint-url ${url}\n`,
  );
}

async function list(config: string, json: boolean): Promise<void> {
  const keys = await withState(config, (state) => Promise.resolve(listAccessKeys(state)));
  if (json) {
    process.stdout.write(`${JSON.stringify(keys, null, 2)}\n`);
    return;
  }
  if (keys.length === 0) process.stdout.write('There is none: "latticeport access-key create" makes one.\n');
  for (const { accessKeyId, role, serverTag, description, createdAt, disabled } of keys) {
    const limits = serverTag === null ? '' : `  servers with ${serverTag.Key}=${serverTag.Value}`;
    const words = `${limits}${disabled ? '  disabled' : ''}${description === null ? '' : `  ${JSON.stringify(description)}`}`;
    process.stdout.write(`${accessKeyId}  ${role.padEnd(9)}  ${new Date(createdAt).toISOString()}${words}\n`);
  }
}

async function disable(config: string, id: string): Promise<void> {
  await withState(config, (state) => disableAccessKey(state, AUTHOR, id));
  process.stdout.write(`${id} is disabled.\n`);
}

async function remove(config: string, id: string): Promise<void> {
  await withState(config, (state) => deleteAccessKey(state, AUTHOR, id));
  process.stdout.write(`${id} is deleted.\n`);
}

function managementOf(file: string): ManagementConfig {
  const { management } = loadConfig(file).config;
  if (management === undefined) throw new CliError(`${file} has no section "management": there is no API to call`);
  return management;
}

async function withState<Result>(file: string, work: (state: StateStore) => Promise<Result>): Promise<Result> {
  const state = await openManagedState(managementOf(file));
  try {
    return await work(state);
  } catch (error) {
    throw error instanceof StateUnavailable || error instanceof UnknownAccessKey ? new CliError(error.message) : error;
  } finally {
    await state.close();
  }
}

function parseTag(text: string): Tag {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected key=value');
  return { Key: text.slice(0, at), Value: text.slice(at + 1) };
}
