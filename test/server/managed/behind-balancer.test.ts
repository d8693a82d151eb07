// PROXY_PROTOCOL_V2_ENFORCED: a server of the API behind a balancer knows where its clients are.
import { afterEach, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { SettingRefused } from '../../../src/management/server-control.ts';
import { until } from '../../transport/transport-pair.ts';
import { Balancer, v2Header } from '../proxy/balancer.ts';
import { ManagedSite, unusedPort } from './managed-site.ts';

const A = 's-0123456789abcdef0';
const KEY = generatePrivateKey('ed25519', undefined, 'one');
const ENFORCED = { ProtocolDetails: { ProxyConfig: { SftpMode: 'PROXY_PROTOCOL_V2_ENFORCED' } } } as const;
const OWN = '127.0.0.2';

let site: ManagedSite;
const balancers: Balancer[] = [];
afterEach(async () => {
  await Promise.all(balancers.splice(0).map((balancer) => balancer.stop()));
  await site.end();
});

async function balancerOf(port: number, header: Buffer): Promise<Balancer> {
  const balancer = await Balancer.start(port, OWN, header);
  balancers.push(balancer);
  return balancer;
}

test('is refused where the configuration names no balancer', async () => {
  site = await new ManagedSite().start();
  expect(() => {
    site.servers.checkServer(ENFORCED, []);
  }).toThrow(SettingRefused);
});

test('the client’s address counts for its user, and nobody comes past the balancer', async () => {
  site = new ManagedSite();
  site.loaded.config.management?.servers.proxyNetworks.push(`${OWN}/32`);
  await site.start();
  const port = await unusedPort();
  await site.createServer(A, port, ENFORCED);
  await site.putUser(A, 'alice', [KEY], {}, [{ Key: 'latticeport:allowed-cidrs', Value: '203.0.113.0/24' }]);
  const client = await site.login((await balancerOf(port, v2Header('203.0.113.9', 1))).port, 'alice', KEY);
  expect(await client.cwd()).toBe('/inbox/alice');
  expect(site.servers.sessions()).toMatchObject([{ userName: 'alice', remoteAddress: '203.0.113.9' }]);
  const elsewhere = await balancerOf(port, v2Header('198.51.100.1', 1));
  await expect(site.login(elsewhere.port, 'alice', KEY)).rejects.toThrow(/authentication methods failed/);
  await expect(site.login(port, 'alice', KEY)).rejects.toThrow();
  const failures = () => site.log.filter(({ event }) => event === 'auth.failure');
  await until(() => failures().length > 0, 'the refusal is logged');
  expect(failures()).toMatchObject([{ remoteAddress: '198.51.100.1', reason: 'address-not-allowed' }]);
});
