/** A key blob, key file or signature that cannot be parsed or is outside the limits (RSA 2048–16384 bits). */
export class KeyFormatError extends Error {
  override readonly name = 'KeyFormatError';
}
