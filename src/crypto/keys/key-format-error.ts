/** A key blob, key file or signature that cannot be parsed or is outside the limits (RSA 2048–16384 bits). */
export class KeyFormatError extends Error {
  override readonly name = 'KeyFormatError';
}

/** The private key is encrypted, and nobody has said with which passphrase. */
export class PassphraseMissingError extends KeyFormatError {
  constructor() {
    super('private key is encrypted, and no passphrase was given');
  }
}
