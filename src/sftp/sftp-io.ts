/**
 * The byte stream under an SFTP session: an SSH channel, or stdin and stdout. The session is told of bytes by
 * `SftpSession.receive` and of the end by `SftpSession.end`; it answers through this.
 */
export interface SftpIo {
  /**
   * Sends bytes in order. The buffers belong to the stream from the call on. Returns false when the stream would rather
   * have no more until `SftpSession.drained` is called; what was given is sent all the same.
   */
  write(chunks: readonly Buffer[]): boolean;
  /**
   * `bytes` of what came in have been dealt with: the peer may send as many more. The session calls it late on
   * purpose when the store is slow: this is the back-pressure. The stream must let at least UNFINISHED_PACKET_BYTES
   * (limits.ts) come that are not consumed, or a packet of that length could never be whole.
   */
  consumed(bytes: number): void;
  /**
   * The last `bytes` of what came are of a packet longer than UNFINISHED_PACKET_BYTES that is not whole yet; 0 once it
   * is. They are not consumed, but as many more are to come. For streams that let less come than MAX_PACKET_BYTES.
   */
  unfinished?(bytes: number): void;
  /** Bytes that the peer may send ahead, as it is now, where the stream has such a bound. */
  window?(): number;
  /** The session is over; nothing is written after it. */
  close(exitStatus: number): void;
}
