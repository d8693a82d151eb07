import { z } from 'zod';
import { networks } from './networks.ts';

export const PROXY_MODES = ['off', 'accept', 'enforce'] as const;

/** Where SSH clients connect. */
export const sshListen = z.strictObject({
  host: z.string().min(1).default('0.0.0.0').describe('Address to listen on.'),
  port: z.int().min(0).max(65535).default(2222).describe('TCP port; 0 lets the system pick one.'),
  proxyProtocol: z
    .strictObject({
      mode: z
        .enum(PROXY_MODES)
        .default('off')
        .describe(
          'accept: connections from "networks" may begin with a header of the PROXY protocol, version 1 or 2, that says where ' +
            'the client is. enforce: all connections come from there and have one; others are closed.',
        ),
      networks: networks.default([]).describe('Where the balancers are whose headers are believed.'),
      versions: z
        .array(z.union([z.literal(1), z.literal(2)], { error: 'expected 1 or 2' }))
        .min(1)
        .default([1, 2])
        .describe('Of the protocol.'),
    })
    .refine(({ mode, networks: from }) => mode === 'off' || from.length > 0, {
      path: ['networks'],
      error: 'expected the networks of the balancers: whoever is believed can name any address',
    })
    .prefault({}),
});
