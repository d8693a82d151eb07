import type { Facts } from './facts.ts';
import { finding, type Finding } from './finding.ts';
import { isLoopback } from './loopback.ts';

/** Whether what the server sends to others than its clients can be read later. Pure. */
export function linkFindings(facts: Facts): Finding[] {
  return [storageFinding(facts), metricsFinding(facts)];
}

function storageFinding({ file, config, storage: link }: Facts): Finding {
  const setting = '$.storage.endpoint';
  switch (link.kind) {
    case 'here':
      return finding('storage.here', `Files stay on this machine ("storage.type": "${config.storage.type}").`);
    case 'http':
      if (link.loopback) return finding('storage.here', `The store is reached on this machine (${link.host}).`);
      return finding('storage.plain', `Files go to ${link.host} without TLS: anybody on the way can read them today.`, {
        changes: [{ file, setting, value: `https://${link.host}` }],
      });
    case 'tls':
      return link.postQuantum
        ? finding('storage.post-quantum', `The TLS connection to ${link.host} is post-quantum (${link.group}).`)
        : finding(
            'storage.classical',
            `The TLS connection to ${link.host} is classical (${link.group}): what is recorded of it can be read later. The store needs ` +
              'TLS 1.3 with X25519MLKEM768 (OpenSSL 3.5 or newer), or a proxy before it that has.',
          );
    case 'unknown':
      return finding('storage.unknown', `How ${link.host} does TLS could not be looked at: ${link.why}.`);
  }
}

function metricsFinding({ file, config: { metrics } }: Facts): Finding {
  if (metrics === undefined) return finding('metrics.here', 'Metrics are served nowhere.');
  if (isLoopback(metrics.host)) return finding('metrics.here', 'Metrics are served on this machine only.');
  if (metrics.tls?.postQuantum === 'require') {
    return finding('metrics.post-quantum', `Metrics are served on ${metrics.host} with post-quantum TLS only.`);
  }
  if (metrics.tls !== undefined) {
    return finding('metrics.prefer', `Metrics are served with TLS on ${metrics.host}, to classical clients as well.`, {
      changes: [{ file, setting: '$.metrics.tls.postQuantum', value: 'require' }],
    });
  }
  return finding(
    'metrics.plain',
    `Metrics are served without TLS on ${metrics.host}: anybody on the way can read them.`,
    {
      changes: [{ file, setting: '$.metrics.host', value: '127.0.0.1' }],
    },
  );
}
