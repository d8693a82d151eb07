import { z } from 'zod';
import { TLS_POST_QUANTUM } from '../tls/groups.ts';

export const tlsPostQuantum = z
  .enum(TLS_POST_QUANTUM)
  .default('prefer')
  .describe(
    'prefer: a post-quantum key exchange wherever the other end has one. require: the other end is refused without one.',
  );

/** Of a port that we serve HTTP on. */
export const listenerTls = z
  .strictObject({
    certificateFile: z
      .string()
      .min(1)
      .describe('The certificate (PEM), followed by those between it and its authority.'),
    keyFile: z.string().min(1).describe('Its private key (PEM).'),
    postQuantum: tlsPostQuantum,
    clientCaFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Certificates (PEM) of authorities: clients need a certificate of one of them. Default: they need none.',
      ),
  })
  .optional()
  .describe('HTTPS instead of HTTP. The files are read again when they change.');
