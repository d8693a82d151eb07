import { readdirSync, readFileSync } from 'node:fs';
import path, { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { POSTGRESQL_MIGRATION_MS } from '../../src/state/limits.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/kubernetes');
const MODELS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  PodDisruptionBudget,
  Secret,
  Service,
};

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const manifests = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
  .flatMap((name) =>
    parseAllDocuments(readFileSync(resolve(FOLDER, name), 'utf8')).map((document) => ({
      name,
      errors: document.errors,
      manifest: document.toJS() as Manifest,
    })),
  );

function only(kind: string): unknown {
  const [found] = manifests.filter(({ manifest }) => manifest.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found.manifest;
}

test.each(manifests)('$name, $manifest.kind: follows the schema', ({ errors, manifest }) => {
  expect(errors).toEqual([]);
  const Model = MODELS[manifest.kind];
  if (Model === undefined) throw new Error(`no schema for ${manifest.kind}`);
  new Model(manifest as never).validate();
});

test('the schema does refuse what is wrong', () => {
  const wrong = structuredClone(only('Deployment') as { spec: { replicas: unknown } });
  wrong.spec.replicas = 'three';
  expect(() => {
    new Deployment(wrong as never).validate();
  }).toThrow(/replicas/);
});

describe('the manifests fit together', () => {
  interface PodSpec {
    readonly volumes: readonly {
      readonly name: string;
      readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string }[] };
    }[];
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly {
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      readonly securityContext: Readonly<Record<string, unknown>>;
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
      readonly env: readonly {
        readonly name: string;
        readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
      }[];
      readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
      readonly startupProbe: Probe & { readonly periodSeconds: number; readonly failureThreshold: number };
      readonly readinessProbe: Probe;
      readonly livenessProbe: Probe;
    }[];
  }
  interface Probe {
    readonly httpGet: { readonly path: string; readonly port: string };
  }
  const deployment = only('Deployment') as {
    metadata: Manifest['metadata'];
    spec: {
      strategy: { rollingUpdate: object };
      selector: { matchLabels: object };
      template: { metadata: { labels: object; annotations: Readonly<Record<string, string>> }; spec: PodSpec };
    };
  };
  const { spec } = deployment.spec.template;
  const config = parseConfig(
    (only('ConfigMap') as { data: { 'latticeport.json': string } }).data['latticeport.json'],
    '/etc/latticeport/latticeport.json',
  ).config;

  const { from, to } = config.management?.servers.ports ?? { from: 1, to: 0 };
  const managedPorts = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const services = manifests
    .filter(({ manifest }) => manifest.kind === 'Service')
    .map(
      ({ manifest }) =>
        manifest as Manifest & { spec: { selector: object; ports: { port: number; targetPort: string }[] } },
    );

  test('every port of SFTP can be reached as it is called, and the API by a service of its own', () => {
    const portsOf = (name: string): (readonly [number, string])[] =>
      (services.find(({ metadata }) => metadata.name === name)?.spec.ports ?? []).map(({ port, targetPort }) => [
        port,
        targetPort,
      ]);
    expect(portsOf('latticeport')).toEqual([
      [22, 'sftp'],
      ...managedPorts.map((port) => [port, `sftp-${port}`] as const),
    ]);
    expect(portsOf('latticeport-api')).toEqual([[443, 'api']]);
  });

  test('the configuration is one that the server takes, and its keys are where the secret is mounted', () => {
    const mounts = spec.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ mountPath }) => mountPath));
    expect(config.hostKeys.length).toBeGreaterThan(0);
    for (const key of config.hostKeys) expect(mounts).toContain(key.slice(0, key.lastIndexOf('/')));
    const secret = only('Secret') as { stringData: object };
    expect(Object.keys(secret.stringData)).toEqual(config.hostKeys.map((key) => key.slice(key.lastIndexOf('/') + 1)));
  });

  test('a change of the configuration or of a secret is seen: it is watched, and mounted so that kubelet can change it', () => {
    expect(config.reload.watch).toBe(true);
    for (const mount of spec.containers.flatMap(({ volumeMounts }) => volumeMounts)) {
      expect(mount).not.toHaveProperty('subPath');
    }
  });

  test('password hashes are in a secret, and nowhere else', () => {
    expect(config.users.length).toBeGreaterThan(0);
    const secrets = manifests.map(({ manifest }) => manifest as Manifest & { stringData?: object });
    const hashes = secrets.find(({ metadata }) => metadata.name === 'latticeport-users')?.stringData ?? {};
    const volume = spec.volumes.find(({ secret }) => secret?.secretName === 'latticeport-users');
    const mounts = spec.containers.flatMap(({ volumeMounts }) => volumeMounts);
    const folder = mounts.find(({ name }) => name === volume?.name)?.mountPath ?? 'nowhere';
    for (const { passwordHash, passwordHashFile } of config.users) {
      expect(passwordHash).toBeUndefined();
      expect(Object.keys(hashes).map((name) => `${folder}/${name}`)).toContain(passwordHashFile);
    }
  });

  test('a rolling update keeps serving: a new node is ready before an old one goes, which is given the time to drain', () => {
    expect(deployment.spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    for (const { lifecycle } of spec.containers) {
      const [program, seconds] = lifecycle.preStop.exec.command;
      expect(program).toBe('sleep');
      // And ten seconds for what is cut off then.
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + config.shutdown.drainSeconds + 10);
    }
  });

  test('a node that waits for a migration of the state is not taken for one that does not start', () => {
    for (const { startupProbe } of spec.containers) {
      const seconds = startupProbe.periodSeconds * startupProbe.failureThreshold;
      expect(seconds).toBeGreaterThan(POSTGRESQL_MIGRATION_MS / 1000 + 30);
    }
  });

  test('the state, its key and the certificate of the API come from secrets, and nothing of them is in the configuration', () => {
    const { management } = config;
    if (management?.state.type !== 'postgresql') throw new Error('no PostgreSQL');
    const url = new URL(management.state.url);
    expect(url.password).toBe('');
    const secrets = new Map(
      manifests
        .filter(({ manifest }) => manifest.kind === 'Secret')
        .map(({ manifest }) => [manifest.metadata.name, (manifest as Manifest & { stringData: object }).stringData]),
    );
    const [password] = spec.containers.flatMap(({ env }) => env);
    expect(password?.name).toBe('PGPASSWORD');
    const { name: holder = '', key = '' } = password?.valueFrom.secretKeyRef ?? {};
    expect(secrets.get(holder)).toHaveProperty([key]);
    const mounts = spec.containers.flatMap(({ volumeMounts }) => volumeMounts);
    const { tls } = management.listen;
    const files = [management.secretKeyFile, url.searchParams.get('sslrootcert'), tls?.certificateFile, tls?.keyFile];
    for (const file of files) {
      const [folder, name] = [path.dirname(file ?? ''), path.basename(file ?? '')];
      const mount = mounts.find(({ mountPath }) => mountPath === folder);
      const secret = spec.volumes.find(({ name: volume }) => volume === mount?.name)?.secret;
      expect(Object.keys(secrets.get(secret?.secretName ?? '') ?? {})).toContain(name);
      // Where only some are mounted, this one is among them.
      if (secret?.items !== undefined) expect(secret.items.map((item) => item.key)).toContain(name);
    }
  });

  test('ports, probes and the scrape annotations are those of the configuration', () => {
    const [container] = spec.containers;
    expect(container?.ports).toEqual([
      { name: 'sftp', containerPort: config.listen.port },
      { name: 'api', containerPort: config.management?.listen.port },
      ...managedPorts.map((port) => ({ name: `sftp-${port}`, containerPort: port })),
      { name: 'metrics', containerPort: config.metrics?.port },
    ]);
    // A probe comes from the node, not from within.
    expect(config.metrics?.host).toBe('0.0.0.0');
    expect(container?.startupProbe.httpGet).toEqual({ path: '/readyz', port: 'metrics' });
    expect(container?.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'metrics' });
    expect(container?.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'metrics' });
    expect(deployment.spec.template.metadata.annotations).toMatchObject({
      'prometheus.io/port': String(config.metrics?.port),
      'prometheus.io/path': '/metrics',
    });
  });

  test('selectors and the scale target name the deployment', () => {
    const labels = deployment.spec.template.metadata.labels;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    for (const { spec: service } of services) expect(service.selector).toEqual(labels);
    expect(
      (only('PodDisruptionBudget') as { spec: { selector: { matchLabels: object } } }).spec.selector.matchLabels,
    ).toEqual(labels);
    const { scaleTargetRef } = (only('HorizontalPodAutoscaler') as { spec: { scaleTargetRef: object } }).spec;
    expect(scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata.name });
  });

  test('nothing can be written or gained in the container', () => {
    for (const { securityContext } of spec.containers) {
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    }
  });
});
