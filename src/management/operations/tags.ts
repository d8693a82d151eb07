import type { Caller, Operations } from '../operation.ts';
import type { Tag } from '../../state/records.ts';
import { Arns, type NamedResource } from './arns.ts';
import { differences } from './audit-values.ts';
import type { OperationsContext } from './context.ts';
import { hostKeyOf, putChangedHostKey } from './host-keys.ts';
import { pageOf } from './paging.ts';
import { reading } from './reading.ts';
import { invalidMember, notFound, required } from './refusals.ts';
import { checkStaysInScope, ServerAccess } from './server-access.ts';
import { checkTagsOfNoUser, mergedTags, sentTags } from './tag-lists.ts';
import { putChangedUser, userOf } from './users.ts';

/** Tags of servers, users and host keys: for people, and for settings of ours (`latticeport:…`). */
export function tagOperations(
  context: OperationsContext,
): Pick<Operations, 'TagResource' | 'UntagResource' | 'ListTagsForResource'> {
  const access = new ServerAccess(context);
  const arns = new Arns(context.region, context.account);

  return {
    async TagResource(input, caller) {
      const resource = resourceOf(input.Arn);
      const sent = sentTags(input.Tags);
      await retag(caller, 'TagResource', resource, (current) => mergedTags(current, sent));
      return null;
    },

    async UntagResource(input, caller) {
      const resource = resourceOf(input.Arn);
      const keys = new Set(input.TagKeys);
      await retag(caller, 'UntagResource', resource, (current) => current.filter(({ Key }) => !keys.has(Key)));
      return null;
    },

    ListTagsForResource: reading<'ListTagsForResource'>((input, caller) => {
      const arn = required('Arn', input.Arn);
      const tags = tagsOf(caller, resourceOf(arn));
      const byKey = new Map(tags.map((tag) => [tag.Key, tag]));
      const { items, ...next } = pageOf(['ListTagsForResource', arn], byKey, input);
      return { Arn: arn, Tags: [...items], ...next };
    }),
  };

  function resourceOf(arn: string | undefined): NamedResource {
    const resource = arns.parse(required('Arn', arn));
    if (resource !== null) return resource;
    throw invalidMember('Arn', 'is not that of a server, user or host key of this installation');
  }

  function tagsOf(caller: Caller, resource: NamedResource): readonly Tag[] {
    const server = access.shown(caller, resource.serverId);
    switch (resource.kind) {
      case 'server':
        return server.record.tags;
      case 'user': {
        const user = server.users.get(resource.userName);
        if (user === undefined) throw notFound('User', resource.userName);
        return user.tags;
      }
      case 'host-key': {
        const key = server.hostKeys.get(resource.hostKeyId);
        if (key === undefined) throw notFound('HostKey', resource.hostKeyId);
        return key.record?.tags ?? [];
      }
    }
  }

  async function retag(
    caller: Caller,
    operation: string,
    resource: NamedResource,
    change: (current: readonly Tag[]) => readonly Tag[],
  ): Promise<void> {
    await access.change(caller, resource.serverId, async (state, server) => {
      switch (resource.kind) {
        case 'server': {
          const tags = change(server.tags);
          checkTagsOfNoUser(tags);
          checkStaysInScope(caller, tags);
          const changes = differences({ Tags: server.tags }, { Tags: tags });
          if (changes === null) return;
          await state.putServer({ ...server, tags });
          state.audit({ operation, resource: arns.server(server.serverId), ...changes });
          return;
        }
        case 'user': {
          const user = await userOf(state, resource.serverId, resource.userName);
          await putChangedUser(context, arns, state, operation, user, { ...user, tags: change(user.tags) });
          return;
        }
        case 'host-key': {
          const key = await hostKeyOf(state, resource.serverId, resource.hostKeyId);
          const tags = change(key.tags);
          checkTagsOfNoUser(tags);
          await putChangedHostKey(arns, state, operation, key, { ...key, tags });
          return;
        }
      }
    });
  }
}
