import { REASON_CHARACTERS } from './limits.ts';

/**
 * Why a TLS connection did not come about, or did not last:
 * `handshake`: nothing in common, or the peer speaks no TLS;
 * `not-trusted`: the peer's certificate is of no authority that we trust, or its time is over;
 * `other-name`: the peer's certificate is for another name;
 * `certificate-refused`: the peer asks for a certificate of ours, or does not take the one that we have.
 */
export type TlsFault = 'handshake' | 'not-trusted' | 'other-name' | 'certificate-refused';

/** What Node calls X.509 verification results (OpenSSL's X509_V_ERR_…). */
const NOT_TRUSTED = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
]);

/** Alerts of a server about the client's certificate (RFC 8446 §6.2), in OpenSSL's words. */
const ABOUT_OUR_CERTIFICATE =
  /alert (?:certificate required|unknown ca|bad certificate|unsupported certificate|certificate (?:revoked|expired|unknown)|access denied)/;

/** Who wraps an error may keep nothing of it but its text. */
const CODE_OF_TEXT: readonly (readonly [RegExp, string])[] = [
  [/:SSL routines:|\bEPROTO\b/, 'EPROTO'],
  [/does not match certificate's altnames/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/unable to verify the first certificate/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [/unable to get local issuer certificate/, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  [/self-signed certificate in certificate chain/, 'SELF_SIGNED_CERT_IN_CHAIN'],
  [/self-signed certificate/, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [/certificate has expired/, 'CERT_HAS_EXPIRED'],
];

/** Sorts the error of a socket, or of a request on one; null where it is none of TLS. */
export function tlsFaultOf(error: unknown): TlsFault | null {
  const code = tlsCodeOf(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'other-name';
  if (NOT_TRUSTED.has(code)) return 'not-trusted';
  // While something is being written OpenSSL's errors come as EPROTO.
  if (code !== 'EPROTO' && !code.startsWith('ERR_SSL_')) return null;
  return ABOUT_OUR_CERTIFICATE.test(tlsReason(error)) ? 'certificate-refused' : 'handshake';
}

/**
 * OpenSSL's reason, such as `ssl/tls alert handshake failure`, without the places in its source; else the error's text. It is
 * short, and what is not printable ASCII is `?`: some texts quote names out of the peer's certificate.
 */
export function tlsReason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'it gives no reason';
  const { reason, message } = error as { readonly reason?: unknown; readonly message?: unknown };
  if (typeof reason === 'string') return shown(reason);
  if (typeof message !== 'string') return 'it gives no reason';
  const [, inMessage] = /:SSL routines:[^:]*:([^:]+)/.exec(message) ?? [];
  return shown(inMessage ?? message);
}

function shown(text: string): string {
  return text.slice(0, REASON_CHARACTERS).replaceAll(/[^ -~]/g, '?');
}

/** Node's code, such as `EPROTO` or `CERT_HAS_EXPIRED`; '' where nothing of TLS is known of the error. */
export function tlsCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return code;
  if (typeof message !== 'string') return '';
  return CODE_OF_TEXT.find(([text]) => text.test(message))?.[1] ?? '';
}
