import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import { kexInitFor, type KexInit } from '../negotiation/kexinit.ts';

/** What our server puts on the wire for a policy; `hostKeys` narrows the policy's to those with a configured key. */
export function serverOffer(lists: AlgorithmLists, hostKeys: readonly string[] = lists.hostKeys): KexInit {
  return kexInitFor({ ...lists, hostKeys }, 'server', 'first');
}
