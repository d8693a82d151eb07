import { ecdsaP256, ecdsaP384, ecdsaP521 } from './ecdsa.ts';
import { ed25519 } from './ed25519.ts';
import type { KeyTypeDefinition } from './key-type.ts';
import { mlDsa44Ed25519 } from './ml-dsa-ed25519.ts';
import { mlDsa44, mlDsa65, mlDsa87 } from './ml-dsa-keys.ts';
import { rsa } from './rsa.ts';

/** The key types of this build: the most recommended first, those that a policy has to name last. A new one is its file, which key-type.ts describes, and a row here. */
export const KEY_TYPES = [
  ed25519,
  mlDsa44Ed25519,
  ecdsaP256,
  ecdsaP384,
  ecdsaP521,
  rsa,
  mlDsa44,
  mlDsa65,
  mlDsa87,
] as const;

type Row = (typeof KEY_TYPES)[number];

/** The names of the key types, as they stand in a public key blob. */
export type KeyType = Row['name'];

/** The names of the signature algorithms. One RSA key serves three: rsa-sha2-512, rsa-sha2-256 (RFC 8332), ssh-rsa (SHA-1). */
export type SignatureAlgorithm = Row['signatures'][number]['name'];

/** The names that `generatePrivateKey` takes. */
export type GeneratedKeyType = Row['keygen']['name'];

export type RegisteredKeyType = KeyTypeDefinition<KeyType, SignatureAlgorithm, GeneratedKeyType>;

const BY_NAME: ReadonlyMap<string, RegisteredKeyType> = new Map(KEY_TYPES.map((type) => [type.name, type]));

/** The key type of that name, from the network or a file. */
export function keyTypeNamed(name: string): RegisteredKeyType | undefined {
  return BY_NAME.get(name);
}

/** The key type that `generatePrivateKey` knows by that name. */
export function generatedKeyType(generated: GeneratedKeyType): RegisteredKeyType {
  const found = KEY_TYPES.find(({ keygen }) => keygen.name === generated);
  if (found === undefined) throw new RangeError(`no key type is called ${JSON.stringify(generated)}`);
  return found;
}
