import { randomBytes, randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { AccessKeyRecord, AccessKeyRole, Author, Tag } from '../../state/records.ts';
import type { StateStore, StateTransaction } from '../../state/state-store.ts';
import { StateUnavailable } from '../../state/state-store.ts';
import { CliError } from '../cli-error.ts';
import { openManagedState } from '../open-managed-state.ts';

const ROLES = ['admin', 'operator', 'read-only'] as const satisfies readonly AccessKeyRole[];

/** The alphabet of AWS's own ids. */
const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** 240 bits: 40 characters of base64, as AWS's secrets are. */
const SECRET_BYTES = 30;
const AUTHOR: Author = { accessKeyId: 'latticeport', remoteAddress: '' };

interface CreateOptions {
  readonly config: string;
  readonly role: AccessKeyRole;
  readonly serverTag?: Tag;
  readonly description?: string;
  readonly json?: boolean;
}

/** `latticeport access-key create|list|disable|enable|delete`: works on the state itself, whether a server runs or not. */
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
  for (const [name, description, disabled] of [
    ['disable', 'refuse an access key from now on', true],
    ['enable', 'take a disabled access key again', false],
  ] as const) {
    configured(accessKey.command(name).description(description))
      .argument('<id>', 'the access key id')
      .action((id: string, { config }: { config: string }) => setDisabled(config, id, disabled));
  }
  configured(accessKey.command('delete').description('delete an access key'))
    .argument('<id>', 'the access key id')
    .action((id: string, { config }: { config: string }) => remove(config, id));
}

function configured(command: Command): Command {
  return command.option('-c, --config <file>', 'the configuration with the section "management"', 'latticeport.json');
}

async function create({ config, role, serverTag, description, json = false }: CreateOptions): Promise<void> {
  const record = {
    accessKeyId: newAccessKeyId(),
    secretAccessKey: randomBytes(SECRET_BYTES).toString('base64'),
    ...{ role, serverTag: serverTag ?? null, description: description ?? null },
    ...{ createdAt: Date.now(), disabled: false },
  };
  const { listen, region } = managementOf(config);
  await withState(config, (state) =>
    changing(state, 'CreateAccessKey', record.accessKeyId, null, record, (inside) => inside.putAccessKey(record)),
  );
  const { accessKeyId, secretAccessKey } = record;
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
  const keys = await withState(config, (state) =>
    Promise.resolve([...state.snapshot.accessKeys.values()].map(withoutSecret)),
  );
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

async function setDisabled(config: string, id: string, disabled: boolean): Promise<void> {
  await withState(config, async (state) => {
    const { revision: _, ...key } = found(state, id);
    const after = { ...key, disabled };
    const operation = disabled ? 'DisableAccessKey' : 'EnableAccessKey';
    await changing(state, operation, id, key, after, (inside) => inside.putAccessKey(after));
  });
  process.stdout.write(`${id} is ${disabled ? 'disabled' : 'enabled'}.\n`);
}

async function remove(config: string, id: string): Promise<void> {
  await withState(config, async (state) => {
    const key = found(state, id);
    await changing(state, 'DeleteAccessKey', id, key, null, (inside) => inside.deleteAccessKey(id));
  });
  process.stdout.write(`${id} is deleted.\n`);
}

type StoredKey = Omit<AccessKeyRecord, 'revision'>;

async function changing(
  state: StateStore,
  operation: string,
  accessKeyId: string,
  before: StoredKey | null,
  after: StoredKey | null,
  work: (inside: StateTransaction) => Promise<void>,
): Promise<void> {
  await state.change(AUTHOR, async (inside) => {
    await work(inside);
    inside.audit({
      operation,
      resource: accessKeyId,
      before: before === null ? null : withoutSecret(before),
      after: after === null ? null : withoutSecret(after),
    });
  });
}

function withoutSecret(key: StoredKey): Omit<StoredKey, 'secretAccessKey'> {
  const { accessKeyId, role, serverTag, description, createdAt, disabled } = key;
  return { accessKeyId, role, serverTag, description, createdAt, disabled };
}

function found(state: StateStore, id: string): AccessKeyRecord {
  const key = state.snapshot.accessKeys.get(id);
  if (key === undefined) throw new CliError(`there is no access key ${JSON.stringify(id)}`);
  return key;
}

function managementOf(file: string): NonNullable<ReturnType<typeof loadConfig>['config']['management']> {
  const { management } = loadConfig(file).config;
  if (management === undefined) throw new CliError(`${file} has no section "management": there is no API to call`);
  return management;
}

async function withState<Result>(file: string, work: (state: StateStore) => Promise<Result>): Promise<Result> {
  const state = await openManagedState(managementOf(file));
  try {
    return await work(state);
  } catch (error) {
    throw error instanceof StateUnavailable ? new CliError(error.message) : error;
  } finally {
    await state.close();
  }
}

function newAccessKeyId(): string {
  const letters = Array.from({ length: 16 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]);
  return `LPAK${letters.join('')}`;
}

function parseTag(text: string): Tag {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected key=value');
  return { Key: text.slice(0, at), Value: text.slice(at + 1) };
}
