import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';

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
    readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly {
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      readonly securityContext: Readonly<Record<string, unknown>>;
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
      readonly startupProbe: Probe;
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
      selector: { matchLabels: object };
      template: { metadata: { labels: object; annotations: Readonly<Record<string, string>> }; spec: PodSpec };
    };
  };
  const { spec } = deployment.spec.template;
  const config = parseConfig(
    (only('ConfigMap') as { data: { 'latticeport.json': string } }).data['latticeport.json'],
    '/etc/latticeport/latticeport.json',
  ).config;

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

  test('a node is given the time to drain', () => {
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(config.shutdown.drainSeconds + 10);
  });

  test('ports, probes and the scrape annotations are those of the configuration', () => {
    const [container] = spec.containers;
    expect(container?.ports).toEqual([
      { name: 'sftp', containerPort: config.listen.port },
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
    expect((only('Service') as { spec: { selector: object } }).spec.selector).toEqual(labels);
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
