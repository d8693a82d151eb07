import type { SshPublicKey } from '@aws-sdk/client-transfer';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { dateInWords, writeDone, writeList } from './answers.ts';
import { chosenServer } from './chosen-server.ts';
import { addServerOption, withApi, withServer, type CommandContext, type ServerOptions } from './command-context.ts';
import { keyInWords, keyLine, sameKey } from './key-line.ts';
import { describeUser } from './user-commands.ts';

interface KeyOptions extends ServerOptions {
  readonly user: string;
}

/** Adds `key list|add|remove`. */
export function registerKeyCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const key = program.command('key').description('the public keys of a user, through the management API');

  addKeyOptions(key.command('list'))
    .description('list the keys of a user')
    .action((options: KeyOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const { SshPublicKeys = [] } = await describeUser(api, ServerId, options.user);
        const words = (each: SshPublicKey): ReturnType<typeof keyInWords> => keyInWords(each.SshPublicKeyBody ?? '');
        writeList(
          terminal,
          options,
          SshPublicKeys,
          [
            ['KEY', (each) => each.SshPublicKeyId],
            ['TYPE', (each) => words(each).type],
            ['FINGERPRINT', (each) => words(each).fingerprint],
            ['IMPORTED', (each) => dateInWords(each.DateImported)],
            ['COMMENT', (each) => words(each).comment],
          ],
          `user ${options.user} has no keys`,
        );
      }),
    );

  addKeyOptions(key.command('add'))
    .description('let a user log in with one more key')
    .argument('<key>', 'a file with the public key, or the line itself')
    .action((fileOrLine: string, options: KeyOptions) =>
      withApi(context, options, async (api) => {
        const SshPublicKeyBody = keyLine(fileOrLine);
        const ServerId = await chosenServer(api, options.server);
        const answer = await api.call((transfer) =>
          transfer.importSshPublicKey({ ServerId, UserName: options.user, SshPublicKeyBody }),
        );
        const { fingerprint } = keyInWords(SshPublicKeyBody);
        writeDone(
          terminal,
          options,
          answer,
          `${answer.SshPublicKeyId ?? ''}: user ${options.user} can log in with ${fingerprint}`,
        );
      }),
    );

  addKeyOptions(key.command('remove'))
    .description('end the use of a key')
    .argument('<key>', 'its id, its fingerprint, a file with it, or the line itself')
    .action((name: string, options: KeyOptions) =>
      withServer(context, options, async (api, ServerId) => {
        const SshPublicKeyId = name.startsWith('key-')
          ? name
          : keyIdOf((await describeUser(api, ServerId, options.user)).SshPublicKeys ?? [], name, options.user);
        await api.call((transfer) => transfer.deleteSshPublicKey({ ServerId, UserName: options.user, SshPublicKeyId }));
        writeDone(
          terminal,
          options,
          { ServerId, UserName: options.user, SshPublicKeyId },
          `${SshPublicKeyId}: user ${options.user} cannot log in with it any more`,
        );
      }),
    );
}

function addKeyOptions(command: Command): Command {
  return addServerOption(command).requiredOption('-u, --user <name>', 'whose key it is');
}

function keyIdOf(keys: readonly SshPublicKey[], name: string, user: string): string {
  const wanted = name.startsWith('SHA256:') ? name.replace(/=+$/, '') : sameKey(keyLine(name));
  const key = keys.find(
    ({ SshPublicKeyBody = '' }) =>
      sameKey(SshPublicKeyBody) === wanted || keyInWords(SshPublicKeyBody).fingerprint === wanted,
  );
  if (key?.SshPublicKeyId === undefined) throw new CliError(`user ${user} has no such key`);
  return key.SshPublicKeyId;
}
