import type { OperationTypes } from '../operation.ts';
import type { Tag } from '../../state/records.ts';
import { MAX_TAGS } from './limits.ts';
import { invalidMember } from './refusals.ts';

type SentTags = OperationTypes['TagResource'][0]['Tags'];

/** Settings of ours have this in front. They are `ServerControl.checkUser`'s for users. */
const OWN_PREFIX = 'latticeport:';

/** The only one that a resource other than a user may have. */
const COMMENT = `${OWN_PREFIX}comment`;

/** The tags of a request. @throws ApiError InvalidRequestException for a key that stands there twice */
export function sentTags(sent: SentTags): readonly Tag[] {
  const tags = (sent ?? []).map(({ Key = '', Value = '' }) => ({ Key, Value }));
  const keys = new Set<string>();
  for (const { Key } of tags) {
    if (keys.has(Key)) throw invalidMember('Tags', `the key ${JSON.stringify(Key)} stands there twice`);
    keys.add(Key);
  }
  return tags;
}

/** `current` with `sent`, which replace those of the same keys. @throws ApiError InvalidRequestException for more than 50 */
export function mergedTags(current: readonly Tag[], sent: readonly Tag[]): readonly Tag[] {
  const merged = new Map([...current, ...sent].map((tag) => [tag.Key, tag]));
  if (merged.size > MAX_TAGS) throw invalidMember('Tags', `a resource has at most ${MAX_TAGS} tags`);
  return [...merged.values()];
}

/** @throws ApiError InvalidRequestException for settings of users at what is none */
export function checkTagsOfNoUser(tags: readonly Tag[]): void {
  const wrong = tags.find(({ Key }) => Key.toLowerCase().startsWith(OWN_PREFIX) && Key !== COMMENT);
  if (wrong === undefined) return;
  throw invalidMember('Tags', `${wrong.Key} is no setting of a server or host key; there is ${COMMENT}`);
}
