/** RFC 8308 §2.1: the client takes an EXT_INFO. */
const EXT_INFO_CLIENT = 'ext-info-c';
/** RFC 8308 §2.1: the server takes an EXT_INFO. */
const EXT_INFO_SERVER = 'ext-info-s';
/** OpenSSH PROTOCOL §1.10: strict key exchange, the answer to Terrapin. */
const STRICT_KEX_CLIENT = 'kex-strict-c-v00@openssh.com';
const STRICT_KEX_SERVER = 'kex-strict-s-v00@openssh.com';
/** dropbear's other rule for guessed packets. This build does not list it, so it never applies. */
const KEX_GUESS_2 = 'kexguess2@matt.ucc.asn.au';

const SIGNALS: ReadonlySet<string> = new Set([
  EXT_INFO_CLIENT,
  EXT_INFO_SERVER,
  STRICT_KEX_CLIENT,
  STRICT_KEX_SERVER,
  KEX_GUESS_2,
]);

export type Role = 'client' | 'server';

/** As much of a KEXINIT as carries signals. */
interface KexList {
  readonly kex: readonly string[];
}

/** Where a KEXINIT stands in its connection. */
export type KexInitPosition = 'first' | 'later';

/** Whether a name in a kex list is a signal. A signal is no method: the negotiation never chooses it. */
export function isKexSignal(name: string): boolean {
  return SIGNALS.has(name);
}

/** The methods of a kex list, without its signals. */
export function methodsOf(kex: readonly string[]): string[] {
  return kex.filter((name) => !isKexSignal(name));
}

/**
 * The signals that a role adds to its kex list. Strict key exchange counts in the first KEXINIT only, but later ones repeat
 * it, as OpenSSH's do: phpseclib looks for it each time, and loses count of its packets where it is missing. RFC 8308 §2.1
 * allows its own signal in the first KEXINIT only.
 */
export function signalsToSend(role: Role, position: KexInitPosition): string[] {
  if (role === 'server') return [STRICT_KEX_SERVER];
  return position === 'first' ? [EXT_INFO_CLIENT, STRICT_KEX_CLIENT] : [STRICT_KEX_CLIENT];
}

/** Whether a side announces strict key exchange. */
export function announcesStrictKex(init: KexList, role: Role): boolean {
  return init.kex.includes(role === 'client' ? STRICT_KEX_CLIENT : STRICT_KEX_SERVER);
}

/** Whether a client asks for an EXT_INFO. */
export function asksForExtInfo(client: KexList): boolean {
  return client.kex.includes(EXT_INFO_CLIENT);
}
