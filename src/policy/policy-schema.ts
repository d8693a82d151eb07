import { z } from 'zod';
import { GEX_MAX_BITS, GEX_MIN_BITS } from '../crypto/kex/dh-group.ts';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  KEX_ALGORITHMS,
  MAC_ALGORITHMS,
} from '../crypto/algorithms/algorithm-table.ts';

/**
 * A policy file: the service's own shape under `SecurityPolicy` (what its DescribeSecurityPolicy prints), and beside
 * it where it comes from. The JSON Schema at security-policies/schema.json is generated from this.
 */

/** A file longer than this many bytes is refused unread. */
export const MAX_POLICY_FILE_BYTES = 64 * 1024;

const MAX_NAMES = 64;

function namesOf<const T extends string>(rows: readonly { readonly name: T }[]): T[] {
  return rows.map((row) => row.name);
}

function orderedNames<const T extends string>(rows: readonly { readonly name: T }[], description: string) {
  return z
    .array(z.enum(namesOf(rows)))
    .min(1)
    .max(MAX_NAMES)
    .meta({ description: `${description}, in the order of preference.`, uniqueItems: true });
}

const otherProtocolNames = z.array(z.string().min(1).max(128)).max(MAX_NAMES).nullable().optional();

const securityPolicySchema = z.strictObject({
  SecurityPolicyName: z
    .string()
    .max(100)
    .regex(/^[\p{L}\p{N}]([\p{L}\p{M}\p{N}\p{P}\p{S} ]*[\p{L}\p{M}\p{N}\p{P}\p{S}])?$/u)
    .meta({ description: 'The name by which the configuration chooses the policy.' }),
  Fips: z.boolean().meta({ description: 'True: only FIPS-approved algorithms may be listed.' }),
  Type: z.literal('SERVER').optional().meta({ description: 'Connector policies are for outgoing connections.' }),
  Protocols: z
    .array(z.enum(['SFTP', 'FTPS']))
    .min(1)
    .optional()
    .meta({ description: 'Only SFTP is served; FTPS is kept because the service prints it.', uniqueItems: true }),
  SshCiphers: orderedNames(CIPHER_ALGORITHMS, 'Ciphers, for both directions'),
  SshKexs: orderedNames(KEX_ALGORITHMS, 'Key exchange methods'),
  SshMacs: orderedNames(MAC_ALGORITHMS, 'MACs, for both directions; ciphers that authenticate by themselves use none'),
  SshHostKeyAlgorithms: orderedNames(HOST_KEY_ALGORITHMS, 'Host key algorithms; user keys too where Fips is true')
    .nullable()
    .optional(),
  TlsCiphers: otherProtocolNames.meta({ description: 'Of FTPS; not used here.' }),
  ContentEncryptionCiphers: otherProtocolNames.meta({ description: 'Of AS2; not used here.' }),
  HashAlgorithms: otherProtocolNames.meta({ description: 'Of AS2; not used here.' }),
});

export const policyFileSchema = z
  .strictObject({
    $schema: z.string().max(1000).optional(),
    Description: z.string().max(2000).optional().meta({ description: 'For people.' }),
    Origin: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'Where the lists come from: documented, derived, reconstructed, or who wrote them.' }),
    GroupExchangeMinBits: z.int().min(GEX_MIN_BITS).max(GEX_MAX_BITS).optional().meta({
      description: 'The least group that diffie-hellman-group-exchange-sha256 gives out, in bits. Default: 2048.',
    }),
    SecurityPolicy: securityPolicySchema,
  })
  .meta({ title: 'Latticeport security policy' });

export type PolicyFile = z.infer<typeof policyFileSchema>;

/** The JSON Schema (draft 2020-12) of a policy file. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policyFileSchema);
}
