/** `render`: what `deploy` would send, or what the controller makes of it, as YAML. Needs no cluster. */
import { stringify } from 'yaml';
import { appFromData } from '../app/parse.ts';
import { appManifest, bundleOf, type Bundle } from '../platform/kubernetes/verbs/bundle.ts';
import { loadClusterFile } from '../platform/kubernetes/verbs/cluster-file.ts';
import { renderedObjects } from '../platform/kubernetes/verbs/rendered-objects.ts';
import type { Images } from '../platform/kubernetes/objects/pod-parts.ts';
import type { Manifest } from '../platform/kubernetes/objects/manifest.ts';
import { printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';
import { version } from './version.ts';

export interface RenderOptions extends CommonOptions {
  /** Everything that the controller makes of it, too. */
  readonly objects?: boolean;
}

export async function render(options: RenderOptions, context: VerbContext): Promise<number> {
  const { namespace = 'default' } = options;
  const bundle = await bundleOf(await loadClusterFile(options.app, context.cwd), namespace);
  const objects = options.objects === true ? made(bundle, context) : sent(bundle);
  if (options.json === true) printJson(context, objects);
  else context.stdout.write(objects.map(document).join(''));
  return 0;
}

function sent(bundle: Bundle): Manifest[] {
  return [...(bundle.files === undefined ? [] : [bundle.files]), appManifest(bundle)];
}

function made({ spec, ref }: Bundle, { env }: VerbContext): Manifest[] {
  return renderedObjects(appFromData(spec), { namespace: ref.namespace, images: imagesOf(env) });
}

/** What Holdfast's own images are called is for the controller to say; these are the names that the chart has. */
export function imagesOf(env: VerbContext['env']): Images {
  const tag = version();
  return {
    holdfast: env['HOLDFAST_IMAGE'] ?? `localhost/holdfast:${tag}`,
    database: env['HOLDFAST_DATABASE_IMAGE'] ?? `localhost/holdfast-database:${tag}`,
    pullPolicy: 'IfNotPresent',
  };
}

function document(object: Manifest): string {
  return `---\n${stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })}`;
}
