import type { Operations } from '../operation.ts';
import { Arns } from './arns.ts';
import type { OperationsContext } from './context.ts';
import { withKey } from './public-key-bodies.ts';
import { notFound, required } from './refusals.ts';
import { ServerAccess } from './server-access.ts';
import { namesOf, putChangedUser, userOf } from './users.ts';

/** The keys of users: what a key rotation is made of. */
export function sshPublicKeyOperations(
  context: OperationsContext,
): Pick<Operations, 'ImportSshPublicKey' | 'DeleteSshPublicKey'> {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);

  return {
    async ImportSshPublicKey(input, caller) {
      const { ServerId, UserName } = namesOf(input);
      const body = required('SshPublicKeyBody', input.SshPublicKeyBody);
      const SshPublicKeyId = await access.change(caller, ServerId, async (state) => {
        const user = await userOf(state, ServerId, UserName);
        const keys = withKey(user.keys, body, context.now());
        await putChangedUser(context, arns, state, 'ImportSshPublicKey', user, { ...user, keys });
        return keys.at(-1)?.keyId;
      });
      return { ServerId, UserName, SshPublicKeyId };
    },

    async DeleteSshPublicKey(input, caller) {
      const { ServerId, UserName } = namesOf(input);
      const keyId = required('SshPublicKeyId', input.SshPublicKeyId);
      await access.change(caller, ServerId, async (state) => {
        const user = await userOf(state, ServerId, UserName);
        const keys = user.keys.filter((key) => key.keyId !== keyId);
        if (keys.length === user.keys.length) throw notFound('SshPublicKey', keyId);
        await putChangedUser(context, arns, state, 'DeleteSshPublicKey', user, { ...user, keys });
      });
      return null;
    },
  };
}
