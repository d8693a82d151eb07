/** Bytes up to which it is cheaper to copy a packet's parts into one buffer than to hand each to the cipher by itself. */
const SMALL_PACKET_BYTES = 4096;

export function totalLength(parts: readonly Buffer[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** The parts as they are for a packet with file data in it; one buffer for a small one. */
export function mergeSmallPacket(parts: readonly Buffer[]): readonly Buffer[] {
  if (parts.length === 1) return parts;
  const length = totalLength(parts);
  return length <= SMALL_PACKET_BYTES ? [Buffer.concat(parts, length)] : parts;
}

/** The first part of a packet, which holds at least its length field and padding length. */
export function firstPart(parts: readonly Buffer[]): Buffer {
  const first = parts[0];
  if (first === undefined || first.length < 5) throw new RangeError('the first part of a packet is under 5 bytes');
  return first;
}
