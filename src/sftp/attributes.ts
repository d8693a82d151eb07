import { KEPT_MODE_BITS, type AttributeChange, type EntryAttributes } from '../storage/object-store.ts';
import type { SshReader } from '../wire/reader.ts';
import type { SshWriter } from '../wire/writer.ts';
import { SSH_FILEXFER_ATTR } from './protocol.ts';

/** ATTRS from a client (§5): what it wants set. */
export interface RequestedAttributes {
  readonly size?: number;
  readonly change: AttributeChange;
  /** An owner was named that `change` does not have, since the server does not set owners. */
  readonly ownerLeftOut?: true;
}

/**
 * What becomes of an owner and group that a client names. `ignore`: the rest of its request is done. `refuse`: SETSTAT and
 * FSETSTAT fail; what is created is created as the server's own. `set`: as far as the system lets the server.
 */
export type OwnerPolicy = 'ignore' | 'refuse' | 'set';

const ALL =
  SSH_FILEXFER_ATTR.SIZE | SSH_FILEXFER_ATTR.UIDGID | SSH_FILEXFER_ATTR.PERMISSIONS | SSH_FILEXFER_ATTR.ACMODTIME;

/** Extended pairs in one ATTRS; nobody sends any in version 3. */
const MAX_EXTENDED_PAIRS = 64;

/** @throws WireError where the bytes end early */
export function readAttributes(reader: SshReader, owners: OwnerPolicy): RequestedAttributes {
  const flags = reader.uint32();
  const change: { -readonly [K in keyof AttributeChange]: AttributeChange[K] } = {};
  let size: number | undefined;
  if ((flags & SSH_FILEXFER_ATTR.SIZE) !== 0) size = reader.uint64AsNumber();
  if ((flags & SSH_FILEXFER_ATTR.UIDGID) !== 0) {
    const [uid, gid] = [reader.uint32(), reader.uint32()];
    if (owners === 'set') Object.assign(change, { uid, gid });
  }
  if ((flags & SSH_FILEXFER_ATTR.PERMISSIONS) !== 0) change.mode = reader.uint32() & KEPT_MODE_BITS;
  if ((flags & SSH_FILEXFER_ATTR.ACMODTIME) !== 0) {
    change.atime = reader.uint32();
    change.mtime = reader.uint32();
  }
  if ((flags & SSH_FILEXFER_ATTR.EXTENDED) !== 0) {
    const pairs = Math.min(reader.uint32(), MAX_EXTENDED_PAIRS);
    for (let pair = 0; pair < pairs; pair += 1) {
      reader.string();
      reader.string();
    }
  }
  const ownerLeftOut = (flags & SSH_FILEXFER_ATTR.UIDGID) !== 0 && owners !== 'set';
  return { ...(size !== undefined && { size }), change, ...(ownerLeftOut && { ownerLeftOut }) };
}

/** ATTRS as we send them: always size, owner, permissions and times. 32 bytes. */
export function writeAttributes(writer: SshWriter, attributes: EntryAttributes): void {
  writer
    .uint32(ALL)
    .uint64(wholeNumber(attributes.size, Number.MAX_SAFE_INTEGER))
    .uint32(wholeNumber(attributes.uid, 0xffffffff))
    .uint32(wholeNumber(attributes.gid, 0xffffffff))
    .uint32(attributes.mode)
    .uint32(wholeNumber(attributes.atime, 0xffffffff))
    .uint32(wholeNumber(attributes.mtime, 0xffffffff));
}

/** Stores keep times with fractions and before 1970; version 3 has neither. */
function wholeNumber(value: number, max: number): number {
  return Math.min(Math.max(Math.trunc(value) || 0, 0), max);
}
