import { isIP } from 'node:net';

/** Whether a certificate can be for `host`: an address, or a DNS name, which may begin with `*.` (RFC 5280 §4.2.1.6). */
export function isCertificateHost(host: string): boolean {
  if (isIP(host) !== 0) return true;
  return /^(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(host);
}
