import { isIP } from 'node:net';
import { connect, type SecureContextOptions } from 'node:tls';
import { HANDSHAKE_MS } from './limits.ts';
import { tlsFacts, type TlsFacts } from './tls-facts.ts';

export interface HandshakeTarget {
  readonly host: string;
  readonly port: number;
  /** Groups, oldest version, authorities, and a certificate of ours. */
  readonly context: SecureContextOptions;
  /** Milliseconds for the name, the connection and the handshake together. Default 5,000. */
  readonly timeoutMs?: number;
}

export interface HandshakeResult extends TlsFacts {
  /** The peer's certificate is for that host, and of an authority that is trusted. */
  readonly authorized: boolean;
  /** Why not, in Node's word, such as `CERT_HAS_EXPIRED`. */
  readonly authorizationError: string | null;
  /** Of the peer's certificate, as node:crypto calls it: `rsa`, `ec`, `ed25519`, `ml-dsa-65`. */
  readonly certificateKeyType: string | null;
}

/**
 * Makes one TLS handshake, says nothing, and leaves. A certificate that is not trusted is told, and no error. A server that
 * asks for a certificate of ours refuses us only after a TLS 1.3 handshake: that is not seen here. Rejects with the
 * socket's error, and with one of the code `ETIMEDOUT` where nothing answers in time.
 */
export function handshake({
  host,
  port,
  context,
  timeoutMs = HANDSHAKE_MS,
}: HandshakeTarget): Promise<HandshakeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...context,
      host,
      port,
      // RFC 6066 §3: addresses are no server names.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // What is wrong with the certificate is part of the answer, and nothing is sent to whoever it is.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => {
      const error = new Error(`no TLS handshake with ${host} port ${port} in ${timeoutMs} ms`);
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    }, timeoutMs);
    socket.once('secureConnect', () => {
      const { authorized } = socket;
      // Typed as an error; Node sets its code where it has one.
      const why = socket.authorizationError as unknown;
      resolve({
        ...tlsFacts(socket),
        authorized,
        authorizationError: authorized ? null : why instanceof Error ? why.message : String(why),
        certificateKeyType: socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType ?? null,
      });
      socket.destroy();
    });
    socket.on('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      reject(
        Object.assign(new Error('the connection was closed before its handshake was over'), { code: 'ECONNRESET' }),
      );
    });
  });
}
