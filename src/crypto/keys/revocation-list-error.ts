/** A revocation list that cannot be read, or that asks for what this build does not know. The message is for the operator. */
export class RevocationListError extends Error {
  override readonly name = 'RevocationListError';
}
