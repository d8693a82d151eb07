import { z } from 'zod';
import { isCertificateHost } from '../tls/certificate-host.ts';
import { TLS_POST_QUANTUM } from '../tls/groups.ts';

export const tlsPostQuantum = z
  .enum(TLS_POST_QUANTUM)
  .default('prefer')
  .describe(
    'prefer: a post-quantum key exchange wherever the other end has one. require: the other end is refused without one.',
  );

const certificateFile = z
  .string()
  .min(1)
  .describe('The certificate (PEM), followed by those between it and its authority.');

const keyFile = z.string().min(1).describe('Its private key (PEM).');

const clientCaFile = z
  .string()
  .min(1)
  .optional()
  .describe('Certificates (PEM) of authorities: clients need a certificate of one of them. Default: they need none.');

/** Of a port that we serve HTTP on. */
export const listenerTls = z
  .strictObject({ certificateFile, keyFile, postQuantum: tlsPostQuantum, clientCaFile })
  .optional()
  .describe('HTTPS instead of HTTP. The files are read again when they change.');

/** Of the management API, which makes a certificate where it is given none. */
export const apiListenerTls = z
  .strictObject({
    certificateFile: certificateFile.optional(),
    keyFile: keyFile.optional(),
    hosts: z
      .array(z.string().refine(isCertificateHost, 'expected an address or a DNS name'))
      .default([])
      .describe('Names and addresses that a certificate is made for, beside those of "host" and of the machine.'),
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Where the certificate is that is made. Default: beside the file of "state", or "state".'),
    postQuantum: tlsPostQuantum,
    clientCaFile,
  })
  .superRefine(({ certificateFile: certificate, keyFile: key, hosts, directory }, context) => {
    const missing = (setting: string, other: string): void => {
      context.addIssue({ code: 'custom', path: [setting], message: `is missing: "${other}" needs it` });
    };
    if (certificate === undefined && key === undefined) return;
    if (certificate === undefined) missing('certificateFile', 'keyFile');
    if (key === undefined) missing('keyFile', 'certificateFile');
    const ofOwn = [...(hosts.length > 0 ? ['hosts'] : []), ...(directory === undefined ? [] : ['directory'])];
    for (const setting of ofOwn) {
      const message = 'is for a certificate that Latticeport makes: take it away, or "certificateFile" and "keyFile"';
      context.addIssue({ code: 'custom', path: [setting], message });
    }
  })
  .optional()
  .describe(
    'HTTPS instead of HTTP, with the certificate of the files or, without files, with one that the first start makes. ' +
      'The files are read again when they change. Default: HTTP on a loopback address, HTTPS with a certificate of its own elsewhere.',
  );
