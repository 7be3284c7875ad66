/**
 * An image under further names, or with another file in it: what a release to a new image needs, without building one.
 * An archive is an OCI layout (github.com/opencontainers/image-spec, image-layout.md).
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runScript } from '../../cluster/run-script.ts';
import type { TestCluster } from './cluster.ts';

/** The annotation by which containerd names an image of an archive that it imports. */
const NAME = 'io.containerd.image.name';
const tarTimeoutMs = 30_000;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Index {
  readonly manifests: readonly (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[];
}

type Entry = Index['manifests'][number];

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface Config {
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** Gives the one image of an OCI archive other tags too, on every node. */
export async function loadUnderTags(
  cluster: TestCluster,
  archive: string,
  tags: readonly string[],
): Promise<void> {
  await loadChanged(cluster, archive, (entry) =>
    Promise.resolve(tags.map((tag) => ({ ...entry, annotations: tagged(entry, tag) }))),
  );
}

export interface ChangedFile {
  /** From the root of the image, without a slash in front. */
  readonly path: string;
  readonly text: string;
}

/** Gives every node the image of an archive with another content of one file, under another tag. */
export async function loadWithFile(
  cluster: TestCluster,
  archive: string,
  tag: string,
  file: ChangedFile,
): Promise<void> {
  await loadChanged(cluster, archive, async (entry, folder) => {
    const layer = await layerOf(file);
    const manifest = (await readBlob(folder, entry.digest)) as Manifest;
    const config = (await readBlob(folder, manifest.config.digest)) as Config;
    const added = await writeBlob(folder, layer, 'application/vnd.oci.image.layer.v1.tar');
    const rootfs = { ...config.rootfs, diff_ids: [...config.rootfs.diff_ids, added.digest] };
    const { history: _, ...rest } = config as Config & { readonly history?: unknown };
    const next: Manifest = {
      ...manifest,
      config: await writeBlob(folder, json({ ...rest, rootfs }), manifest.config.mediaType),
      layers: [...manifest.layers, added],
    };
    const written = await writeBlob(folder, json(next), entry.mediaType);
    return [{ ...entry, ...written, annotations: tagged(entry, tag) }];
  });
}

async function loadChanged(
  cluster: TestCluster,
  archive: string,
  change: (entry: Entry, folder: string) => Promise<readonly Entry[]>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-tags-'));
  try {
    const content = join(folder, 'content');
    await mkdir(content);
    await tar('-xf', archive, '-C', content);
    const file = join(content, 'index.json');
    const index = JSON.parse(await readFile(file, 'utf8')) as Index;
    const manifests = await Promise.all(index.manifests.map((entry) => change(entry, content)));
    await writeFile(file, JSON.stringify({ ...index, manifests: manifests.flat() }));
    const renamed = join(folder, 'image.tar');
    await tar('-cf', renamed, '-C', content, '.');
    await cluster.load([renamed]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function tar(...args: string[]): Promise<string> {
  return runScript('tar', args, { env: process.env, timeoutMs: tarTimeoutMs });
}

function tagged({ annotations }: Entry, tag: string): Entry['annotations'] {
  const name = annotations[NAME] ?? '';
  return { ...annotations, [NAME]: `${name.slice(0, name.lastIndexOf(':'))}:${tag}` };
}

/** A layer with this file alone. */
async function layerOf({ path, text }: ChangedFile): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-layer-'));
  try {
    const file = join(folder, 'content', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { mode: 0o644 });
    const archive = join(folder, 'layer.tar');
    await tar('-cf', archive, '--owner=0', '--group=0', '-C', join(folder, 'content'), path);
    return await readFile(archive);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

async function readBlob(folder: string, digest: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, 'blobs', digest.replace(':', '/')), 'utf8'));
}

async function writeBlob(folder: string, content: Buffer, mediaType: string): Promise<Descriptor> {
  const hash = createHash('sha256').update(content).digest('hex');
  await writeFile(join(folder, 'blobs', 'sha256', hash), content);
  return { mediaType, digest: `sha256:${hash}`, size: content.length };
}
