/**
 * One direction's protection of SSH packets (RFC 4253 §6): a cipher with its MAC, or an AEAD, as one object.
 * The transport does the framing and padding; these only transform bytes and check tags.
 */

/** A tag did not verify or a length was impossible: the connection ends with SSH_DISCONNECT_MAC_ERROR (5). */
export class PacketIntegrityError extends Error {
  override readonly name = 'PacketIntegrityError';
}

export interface PacketSealer {
  /** Padding brings the padded region to a multiple of this many bytes: the cipher's block size, at least 8. */
  readonly blockBytes: number;
  /** True for AEAD and encrypt-then-MAC: the 4-byte length is not part of the padded region. */
  readonly lengthOutsidePadding: boolean;
  /** Bytes of MAC or tag that follow the packet. */
  readonly tagBytes: number;
  /**
   * Seals one packet. `parts` concatenate to `uint32 packet_length || byte padding_length || payload || padding`;
   * the first part holds at least the first 5 bytes. Parts may be overwritten in place or returned as they are;
   * the caller gives them up. Returns the bytes for the wire, tag included, in order.
   */
  seal(sequenceNumber: number, parts: readonly Buffer[]): Buffer[];
  /** Overwrites key material. */
  dispose(): void;
}

export interface PacketOpener {
  /** How many bytes of a packet must have come before `readLength` can tell its length (4, 8 or 16). */
  readonly headBytes: number;
  readonly blockBytes: number;
  readonly lengthOutsidePadding: boolean;
  readonly tagBytes: number;
  /**
   * The `packet_length` field, from the packet's first `headBytes` bytes. Called exactly once a packet, before
   * `open`. The value is not authenticated yet: the transport bounds it.
   */
  readLength(sequenceNumber: number, head: Buffer): number;
  /**
   * `packet` is the whole packet as it came: length field, body, tag. Returns
   * `byte padding_length || payload || padding`, authenticated. May decrypt in place. Throws PacketIntegrityError.
   */
  open(sequenceNumber: number, packet: Buffer): Buffer;
  dispose(): void;
}

/** Sizes of the key material that a cipher and its MAC take from key derivation (RFC 4253 §7.2), in bytes. */
export interface CipherKeySizes {
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** 0 for an AEAD. */
  readonly macKeyBytes: number;
}

export interface DirectionKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly macKey: Buffer;
}
