/**
 * Server-side apply of an App, so that what others set stays theirs: where they disagree with the file,
 * nothing is changed and they are named, unless they are to be overruled.
 */
import { UserError } from '../../../app/failure.ts';
import type { KubeClient } from '../api/kube-client.ts';
import { isConflict, parseObject, refusal, type KubeApiError } from '../api/kube-error.ts';
import { objectPath, RESOURCE_TYPES } from '../api/kube-object.ts';
import type { AppObject } from '../observe/kinds.ts';
import { requireAppType, type AppRef } from './app-access.ts';
import { differences, mayShowOfSpec } from './differences.ts';
import { adopted, foreignManagers, MANAGER, type ManagedFields } from './field-managers.ts';

/** How often fields are taken over anew when the App has changed meanwhile. */
const ADOPTION_ATTEMPTS = 5;

export interface Application {
  readonly ref: AppRef;
  readonly spec: unknown;
  /** Overrule whoever else has set something in the spec. */
  readonly force: boolean;
}

/**
 * Says what would become of the App, and changes nothing.
 * @throws UserError when the API server refuses the spec, or others have set something else
 */
export async function tryApply(client: KubeClient, application: Application): Promise<void> {
  const { ref, spec, force } = application;
  const fields = (await managedApp(client, ref))?.metadata.managedFields ?? [];
  const foreign = foreignManagers(fields);
  const result = await send(client, application, { force: force || foreign.length === 0, dryRun: true });
  const added = differences(spec, result.spec, mayShowOfSpec).map(({ path }) => path);
  if (foreign.length === 0 || force || added.length === 0) return;
  throw overruled(foreign, added);
}

/** After `tryApply`. @returns the App as it is then */
export async function applyApp(client: KubeClient, application: Application): Promise<AppObject> {
  const { force } = application;
  const fields = await adoptFields(client, application);
  return send(client, application, {
    force: force || foreignManagers(fields).length === 0,
    dryRun: false,
  });
}

/** The controller writes to the App as well, so another version may have come meanwhile. */
async function adoptFields(
  client: KubeClient,
  { ref, force }: Application,
): Promise<readonly ManagedFields[]> {
  for (let attempt = 1; ; attempt += 1) {
    const live = await managedApp(client, ref);
    const fields = live?.metadata.managedFields ?? [];
    const own = adopted(fields, RESOURCE_TYPES.App.apiVersion, force);
    if (live === undefined || own === undefined) return fields;
    const { resourceVersion } = live.metadata;
    try {
      await client.mergePatch(RESOURCE_TYPES.App, ref, { metadata: { resourceVersion, managedFields: own } });
      return fields;
    } catch (error) {
      if (!isConflict(error) || attempt === ADOPTION_ATTEMPTS) throw error;
    }
  }
}

type ManagedApp = AppObject & { readonly metadata: { readonly managedFields?: readonly ManagedFields[] } };

async function managedApp(client: KubeClient, ref: AppRef): Promise<ManagedApp | undefined> {
  const { status, body } = await client.raw('GET', objectPath(RESOURCE_TYPES.App, ref));
  if (status === 200) return parseObject(body.toString()) as unknown as ManagedApp;
  const error = refusal(`read App ${ref.name}`, status, body, RESOURCE_TYPES.App);
  if (error.code === 404 && error.reason === 'NotFound') return undefined;
  return requireAppType(error);
}

async function send(
  client: KubeClient,
  { ref, spec }: Application,
  { force, dryRun }: { force: boolean; dryRun: boolean },
): Promise<AppObject> {
  const { apiVersion, kind } = RESOURCE_TYPES.App;
  const query = new URLSearchParams({
    fieldManager: MANAGER,
    force: String(force),
    fieldValidation: 'Strict',
    ...(dryRun ? { dryRun: 'All' } : {}),
  });
  const { status, body } = await client.raw(
    'PATCH',
    `${objectPath(RESOURCE_TYPES.App, ref)}?${query.toString()}`,
    {
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({ apiVersion, kind, metadata: ref, spec }),
    },
  );
  if (status < 300) return parseObject(body.toString()) as unknown as AppObject;
  throw inWords(refusal(`deploy ${ref.name}`, status, body, RESOURCE_TYPES.App), ref);
}

function inWords(error: KubeApiError, { namespace }: AppRef): Error {
  const { code, message, details } = error;
  if (code === 409) return conflict(error);
  if (code === 404 && details?.kind === 'namespaces')
    return new UserError(
      `there is no namespace "${namespace}"; make it, or let it be made with --create-namespace`,
      { cause: error },
    );
  return code === 400 || code === 422 ? new UserError(message, { cause: error }) : error;
}

function conflict(error: KubeApiError): UserError {
  const causes = error.details?.causes ?? [];
  const managers = causes.flatMap(({ message }) => /conflict with "([^"]+)"/.exec(message ?? '')?.[1] ?? []);
  const fields = causes.map(({ field = '' }) => field.replace(/^\.spec\./, ''));
  return overruled([...new Set(managers)], fields, error);
}

function overruled(managers: readonly string[], fields: readonly string[], cause?: Error): UserError {
  const some = fields.slice(0, 5).join(', ');
  return new UserError(
    `${managers.join(' and ') || 'somebody else'} has set ${some}${fields.length > 5 ? ' and more' : ''} otherwise than the file.\n` +
      'Change it there, or overrule it with --force; `holdfast diff` shows all of it.',
    { cause },
  );
}
