/** What the routers are told of an application: routes and services, not instances. Pure. */
import type { App, Stateful } from '../../../app/model.ts';
import type { PublishedBackend, PublishedStructure } from '../../../routing/published-structure.ts';
import { digest } from './manifest.ts';
import { namesOf } from './names.ts';

export function routingStructure(app: App, namespace: string): PublishedStructure {
  const { routes, services } = app;
  const tls = publishedTls(app, namespace);
  const content = {
    ...(tls === undefined ? {} : { tls }),
    routes: routes.map(({ path, service }) => ({ path, service })),
    backends: services.map(({ name, health, stateful }) => ({
      service: name,
      readyPath: health.ready,
      ...(stateful && { stateful: publishedState(stateful) }),
    })),
  };
  // Another readiness path is taken up at the next reload: it is not worth one, since until then an answer
  // of 404 says as much.
  const structure = services.map(({ name, stateful }) => [
    name,
    stateful?.key,
    stateful?.idle,
    ...(stateful?.handoff === true ? ['handoff'] : []),
  ]);
  const about = [content.routes, structure, ...(tls === undefined ? [] : [tls])];
  return { generation: digest(about), ...content };
}

const HTTPS_PORT = 443;

/** Calls inside the cluster stay with HTTP: no certificate has the names by which they are made. */
function publishedTls({ name, router }: App, namespace: string): PublishedStructure['tls'] {
  const { tls, service } = router;
  if (tls === undefined) return undefined;
  if (!tls.redirect) return { secret: tls.secret };
  const host = namesOf(name).router;
  const except = ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`].map(
    (domain) => `${host}${domain}`,
  );
  const port = service === 'NodePort' ? (tls.nodePort ?? HTTPS_PORT) : HTTPS_PORT;
  return { secret: tls.secret, redirect: { port, except } };
}

/** Users of a service that hands sessions over follow the table. */
function publishedState({ key, idle, handoff }: Stateful): NonNullable<PublishedBackend['stateful']> {
  return { key, idleMs: idle, ...(handoff ? { pins: false } : {}) };
}
