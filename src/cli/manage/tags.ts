import type { Tag } from '../../state/records.ts';
import type { ManagementApi } from './api-client.ts';

/** Sets and takes away tags of what `Arn` names; answers whether there were any. Throws CliError. */
export async function changeTags(
  api: ManagementApi,
  Arn: string | undefined,
  { tag, untag }: { readonly tag: readonly Tag[]; readonly untag: readonly string[] },
): Promise<boolean> {
  if (tag.length > 0) await api.call((transfer) => transfer.tagResource({ Arn, Tags: [...tag] }));
  if (untag.length > 0) await api.call((transfer) => transfer.untagResource({ Arn, TagKeys: [...untag] }));
  return tag.length + untag.length > 0;
}
