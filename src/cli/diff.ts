/**
 * `diff`: what `deploy` would change in the App and, from that, in the objects that the controller makes of
 * it. Exit codes are those of diff(1): 0 no difference, 1 differences, 2 it could not be told.
 */
import { OperationError, UserError } from '../app/failure.ts';
import { RESOURCE_TYPES } from '../platform/kubernetes/api/kube-object.ts';
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { requireAppType } from '../platform/kubernetes/verbs/app-access.ts';
import { bundleOf } from '../platform/kubernetes/verbs/bundle.ts';
import { loadClusterFile } from '../platform/kubernetes/verbs/cluster-file.ts';
import { differences, mayShowOfSpec, type Difference } from '../platform/kubernetes/verbs/differences.ts';
import { objectChanges, type ObjectChange } from '../platform/kubernetes/verbs/object-changes.ts';
import { clusterOf } from './cluster-place.ts';
import { print, printJson } from './output.ts';
import { painter, type Paint } from './render-status.ts';
import { imagesOf } from './render.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

const SAME = 0;
const DIFFERENT = 1;

export async function diff(options: CommonOptions, context: VerbContext): Promise<number> {
  try {
    return await compare(options, context);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    // 1 would say that there are differences.
    throw new UserError(error.message, { cause: error });
  }
}

async function compare(options: CommonOptions, context: VerbContext): Promise<number> {
  const { client, namespace } = await clusterOf(options, context);
  const { ref, spec } = await bundleOf(await loadClusterFile(options.app, context.cwd), namespace);
  const live = await client.get<AppObject>(RESOURCE_TYPES.App, ref).catch(requireAppType);
  const found = {
    app: live === undefined ? 'missing' : 'there',
    spec: differences(live?.spec, spec, mayShowOfSpec),
    objects: objectChanges(live?.spec, spec, { namespace, images: imagesOf(context.env) }),
  };
  const isSame = live !== undefined && found.spec.length === 0;
  if (options.json === true) printJson(context, found);
  else if (isSame) print(context, `${ref.name} in ${namespace} is what the file says`);
  else print(context, rendered(`App ${ref.name} in ${namespace}`, found, painter(context.stdout)));
  return isSame ? SAME : DIFFERENT;
}

interface Found {
  readonly app: string;
  readonly spec: readonly Difference[];
  readonly objects: readonly ObjectChange[];
}

function rendered(title: string, { app, spec, objects }: Found, paint: Paint): string {
  const isNew = app === 'missing';
  return [
    `${paint('bold', title)}${isNew ? ' would be made' : ''}`,
    ...(isNew ? [] : spec.map((difference) => line(difference, '  ', paint))),
    '',
    ...objects.flatMap(({ kind, name, change, differences: changed }) => [
      `${paint('bold', `${kind} ${name}`)}${change === 'changed' ? '' : ` would be ${change}`}`,
      ...changed.map((difference) => line(difference, '  ', paint)),
    ]),
  ].join('\n');
}

function line({ path, before, after }: Difference, indent: string, paint: Paint): string {
  const values = [
    ...(before === undefined ? [] : [paint('red', `${indent}  - ${onOneLine(before)}`)]),
    ...(after === undefined ? [] : [paint('green', `${indent}  + ${onOneLine(after)}`)]),
  ];
  return [`${indent}${path}`, ...values].join('\n');
}

function onOneLine(text: string): string {
  return text.replaceAll('\n', '\\n');
}
