import { z } from 'zod';

/** More are a table, for which a firewall is the place. */
const MOST_NETWORKS = 1000;

/** Networks as CIDR has them. */
export const networks = z
  .array(z.union([z.cidrv4(), z.cidrv6()], { error: 'expected a network such as 192.0.2.0/24 or 2001:db8::/32' }))
  .max(MOST_NETWORKS);

/** From where somebody may come, in a section of the configuration. `whose` completes its description. */
export function allowedAndDenied(whose: string) {
  return {
    allowedNetworks: networks
      .min(1)
      .optional()
      .describe(`Only from these networks ${whose}. Default: from everywhere.`),
    deniedNetworks: networks
      .default([])
      .describe(`Never from these networks ${whose}, whatever "allowedNetworks" says.`),
  };
}
