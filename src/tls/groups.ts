import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** What a TLS link does about post-quantum key exchange; the settings `tls.postQuantum` take the words from here. */
export const TLS_POST_QUANTUM = ['prefer', 'require'] as const;

export type TlsPostQuantum = (typeof TLS_POST_QUANTUM)[number];

/** The hybrid groups of draft-ietf-tls-ecdhe-mlkem, by the names that OpenSSL and the IANA registry have for them. */
const HYBRIDS = ['X25519MLKEM768', 'SecP256r1MLKEM768', 'SecP384r1MLKEM1024'] as const;

/**
 * OpenSSL's own default order with all hybrids in front. `/` separates groups by rank: a server asks for a better rank by a
 * HelloRetryRequest. `*`: a client sends a key share for it unasked, so that a peer with either loses no round trip. `?`: left
 * out where the OpenSSL has it not, as a FIPS module has no X25519. OpenSSL 3.5 and newer read this.
 */
const PREFERRED =
  '?*X25519MLKEM768:?SecP256r1MLKEM768:?SecP384r1MLKEM1024/?*X25519:?secp256r1/?X448:?secp384r1:?secp521r1/?ffdhe2048:?ffdhe3072';

/** Node's word for OpenSSL's default. */
const DEFAULT_GROUPS = 'auto';

let available: readonly string[] | undefined;

/** Those of the hybrids that the OpenSSL under this Node computes: none before OpenSSL 3.5. */
export function postQuantumGroups(): readonly string[] {
  return (available ??= HYBRIDS.filter(isKnown));
}

export function isPostQuantumGroup(name: string | null): boolean {
  return HYBRIDS.some((hybrid) => hybrid === name);
}

/**
 * The groups of a link, for `createSecureContext`, in either role. `require` leaves a classical peer nothing to agree on, and
 * throws RangeError where OpenSSL has no hybrid: ask `postQuantumGroups` before. For `prefer` Node's own oldest version holds,
 * which its command line can raise.
 */
export function keyExchange(setting: TlsPostQuantum): Pick<SecureContextOptions, 'ecdhCurve' | 'minVersion'> {
  if (setting === 'prefer') {
    return { ecdhCurve: isKnown(PREFERRED) ? PREFERRED : DEFAULT_GROUPS };
  }
  const groups = postQuantumGroups();
  if (groups.length === 0) throw new RangeError(noPostQuantumGroups());
  return { ecdhCurve: groups.join(':'), minVersion: 'TLSv1.3' };
}

/**
 * The groups that a link under this setting may come to, those first that are likely, as `getEphemeralKeyInfo` names them: not
 * all of the classical ones.
 */
export function likelyGroups(setting: TlsPostQuantum): readonly string[] {
  return setting === 'require' ? postQuantumGroups() : [...postQuantumGroups(), 'X25519', 'prime256v1', 'secp384r1'];
}

/** Why `require` cannot be had here, for the operator. */
export function noPostQuantumGroups(): string {
  return (
    `"require" needs ML-KEM in TLS: a Node with OpenSSL 3.5 or newer, such as Node 26; ` +
    `this is Node ${process.versions.node} with OpenSSL ${process.versions.openssl}`
  );
}

function isKnown(groups: string): boolean {
  try {
    createSecureContext({ ecdhCurve: groups });
    return true;
  } catch {
    return false;
  }
}
