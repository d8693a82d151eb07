import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { apiTls } from '../../config/api-tls.ts';
import { createAccessKey, deleteAccessKey, disableAccessKey, listAccessKeys } from '../../management/access-keys.ts';
import { ownCertificateFiles } from '../../management/own-certificate.ts';
import { LATTICEPORT, type AccessKeyRole, type Tag } from '../../state/records.ts';
import { printable } from '../../telemetry/printable.ts';
import { listenerUrl } from '../../tls/listener-url.ts';
import { writeJson, type Terminal } from '../terminal.ts';
import { configured, managementOf, withState } from './configured-state.ts';

const ROLES = ['admin', 'operator', 'read-only'] as const satisfies readonly AccessKeyRole[];

interface CreateOptions {
  readonly config: string;
  readonly role: AccessKeyRole;
  readonly serverTag?: Tag;
  readonly description?: string;
  readonly json?: boolean;
}

/** `latticeport access-key create|list|disable|delete`: works on the state itself, whether a server runs or not. */
export function registerAccessKeyCommands(program: Command, terminal: Terminal): void {
  const accessKey = program.command('access-key').description('who may call the management API');
  configured(accessKey.command('create').description('make an access key; its secret is printed, and never again'))
    .addOption(new Option('-r, --role <role>', 'what it may do').choices(ROLES).default('admin'))
    .option('--server-tag <key=value>', 'only servers that have this tag', parseTag)
    .option('-d, --description <text>', 'whose it is, for the list')
    .option('--json', 'print JSON')
    .action((options: CreateOptions) => create(terminal, options));
  configured(accessKey.command('list').description('the access keys, without their secrets'))
    .option('--json', 'print JSON')
    .action(({ config, json = false }: { config: string; json?: boolean }) => list(terminal, config, json));
  configured(accessKey.command('disable').description('refuse an access key from now on'))
    .argument('<id>', 'the access key id')
    .action((id: string, { config }: { config: string }) => disable(terminal, config, id));
  configured(accessKey.command('delete').description('delete an access key'))
    .argument('<id>', 'the access key id')
    .action((id: string, { config }: { config: string }) => remove(terminal, config, id));
}

async function create(
  terminal: Terminal,
  { config, role, serverTag, description, json = false }: CreateOptions,
): Promise<void> {
  const management = managementOf(config);
  const { listen, region } = management;
  const { accessKeyId, secretAccessKey } = await withState(config, (state) =>
    createAccessKey(state, LATTICEPORT, { role, serverTag: serverTag ?? null, description: description ?? null }),
  );
  if (json) {
    writeJson(terminal, { accessKeyId, secretAccessKey, role });
    return;
  }
  const tls = apiTls(management);
  // No certificate is for an address that stands for all.
  const host = ['0.0.0.0', '::'].includes(listen.host) ? 'localhost' : listen.host;
  const url = listenerUrl(host, listen.port, tls.type !== 'none');
  terminal.line('# The secret is shown this once.');
  terminal.line(`export AWS_ACCESS_KEY_ID=${accessKeyId}`);
  terminal.line(`export AWS_SECRET_ACCESS_KEY=${secretAccessKey}`);
  terminal.line(`export AWS_DEFAULT_REGION=${region}`);
  if (tls.type === 'own') terminal.line(`export AWS_CA_BUNDLE=${ownCertificateFiles(tls.directory).certificateFile}`);
  terminal.line(`# aws transfer list-servers --endpoint-url ${url}`);
}

async function list(terminal: Terminal, config: string, json: boolean): Promise<void> {
  const keys = await withState(config, (state) => Promise.resolve(listAccessKeys(state)));
  if (json) {
    writeJson(terminal, keys);
    return;
  }
  if (keys.length === 0) terminal.line('There is none: "latticeport access-key create" makes one.');
  for (const { accessKeyId, role, serverTag, description, createdAt, disabled } of keys) {
    const limits = serverTag === null ? '' : `  servers with ${serverTag.Key}=${serverTag.Value}`;
    const words = `${limits}${disabled ? '  disabled' : ''}${description === null ? '' : `  ${JSON.stringify(description)}`}`;
    terminal.line(printable(`${accessKeyId}  ${role.padEnd(9)}  ${new Date(createdAt).toISOString()}${words}`));
  }
}

async function disable(terminal: Terminal, config: string, id: string): Promise<void> {
  await withState(config, (state) => disableAccessKey(state, LATTICEPORT, id));
  terminal.line(`${id} is disabled.`);
}

async function remove(terminal: Terminal, config: string, id: string): Promise<void> {
  await withState(config, (state) => deleteAccessKey(state, LATTICEPORT, id));
  terminal.line(`${id} is deleted.`);
}

function parseTag(text: string): Tag {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected key=value');
  return { Key: text.slice(0, at), Value: text.slice(at + 1) };
}
