/**
 * Reads a KEXINIT off the wire (RFC 4253 §4.2, §6, §7.1), by hand and not with src/wire: what presets and tests compare
 * must not depend on the code that they check.
 */
export interface CapturedKexInit {
  /** The version string, without its end of line. */
  readonly version: string;
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  readonly ciphersClientToServer: readonly string[];
  readonly ciphersServerToClient: readonly string[];
  readonly macsClientToServer: readonly string[];
  readonly macsServerToClient: readonly string[];
  readonly compressionClientToServer: readonly string[];
  readonly compressionServerToClient: readonly string[];
  readonly firstKexPacketFollows: boolean;
}

/** What a peer sent first: its version string and KEXINIT; null while that is not all there. */
export function parseKexInit(received: Buffer): CapturedKexInit | null {
  const end = received.indexOf('\n');
  if (end < 0 || received.length < end + 1 + 4) return null;
  const packet = received.subarray(end + 1);
  const packetLength = packet.readUInt32BE(0);
  if (packet.length < 4 + packetLength) return null;
  const payload = packet.subarray(5, 4 + packetLength - packet.readUInt8(4));
  if (payload[0] !== 20) throw new Error(`message ${payload[0] ?? 'none'} instead of KEXINIT`);

  // After the message number: a cookie of 16 bytes, ten name-lists (the last two name languages), and a boolean.
  let offset = 17;
  const list = (): string[] => {
    const length = payload.readUInt32BE(offset);
    const text = payload.toString('latin1', offset + 4, offset + 4 + length);
    offset += 4 + length;
    return text === '' ? [] : text.split(',');
  };
  const lists = {
    kex: list(),
    hostKeys: list(),
    ciphersClientToServer: list(),
    ciphersServerToClient: list(),
    macsClientToServer: list(),
    macsServerToClient: list(),
    compressionClientToServer: list(),
    compressionServerToClient: list(),
  };
  list();
  list();
  return {
    version: received.toString('latin1', 0, end).trim(),
    ...lists,
    firstKexPacketFollows: payload[offset] !== 0,
  };
}
