/** Bytes that are not what RFC 4251 §5 says they should be: too short, a length past the end, a bad name-list. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
