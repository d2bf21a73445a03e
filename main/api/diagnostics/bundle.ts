import { mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir, hostname, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Check, Config, Inventory, LogLine, NodeStatus, ShareState } from '../../../preload/contract/index.ts';
import type { BundleEntry } from './interface.ts';
import { packTar } from './tar.ts';

const compress = promisify(gzip);

export interface BundleSources {
  status: NodeStatus;
  config: Config;
  share: ShareState;
  inventory: Inventory;
  checks: Check[];
  log: LogLine[];
  runtime: Record<string, string>;
}

/** Fields that tell one machine or person from another; a helper needs none of them. */
const IDENTIFYING = new Set([
  'mac',
  'hostname',
  'serial',
  'serialNumber',
  'uuid',
  'addresses',
  'pciAddress',
  'privacyNames',
  'bootstrap',
]);

/** The same text without the owner's name, home and machine name. */
const anonymous = (text: string): string => {
  let result = text;
  const names: [string, string][] = [
    [homedir(), '<home>'],
    [hostname(), '<host>'],
  ];
  try {
    names.push([userInfo().username, '<user>']);
  } catch {
    // A user without an entry has no name to hide.
  }
  for (const [name, stand] of names) {
    // A short name, such as `root`, is a word of its own or part of a path; replacing it everywhere would garble the text.
    if (name.length < 2) continue;
    const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    result =
      name.length > 4
        ? result.replaceAll(name, stand)
        : result.replaceAll(new RegExp(`(?<=^|[\\s/"'=])${escaped}(?=$|[\\s/"':,])`, 'g'), stand);
  }
  // Credentials in addresses (`tcp://user:secret@host`).
  return result.replaceAll(/\/\/[^\s/@"]*:[^\s/@"]*@/g, '//<credentials>@');
};

const json = (value: unknown): string =>
  anonymous(`${JSON.stringify(value, (key, field: unknown) => (IDENTIFYING.has(key) ? '<left out>' : field), 2)}\n`);

/** The files of a bundle, already without anything that names the owner or the machine. */
export const bundleEntries = ({
  status,
  config,
  share,
  inventory,
  checks,
  log,
  runtime,
}: BundleSources): BundleEntry[] => {
  const files: [string, string, string][] = [
    [
      'about.json',
      'Version of HyperMesh, of its runtime and of the system',
      json({ version: status.version, ...runtime, system: inventory.system }),
    ],
    ['status.json', 'State of the node with its warnings', json(status)],
    ['config.json', 'Settings', json(config)],
    ['share.json', 'What is lent by which rules; without names of networks and peers', json(share)],
    ['hardware.json', 'What the machine has; without serial numbers, addresses and names', json(inventory)],
    ['checks.json', 'What the checks found', json(checks)],
    [
      'log.txt',
      `The newest ${log.length} log lines; without home folder and names`,
      anonymous(
        log
          .map(
            (line) =>
              `${new Date(line.atMs).toISOString()} ${line.level} ${line.module}: ${line.message} ${JSON.stringify(line.context)}\n`,
          )
          .join(''),
      ),
    ],
  ];
  return files.map(([name, description, content]) => ({
    name,
    description,
    content,
    sizeBytes: Buffer.byteLength(content),
  }));
};

/** Writes the archive whole or not at all: beside its place first, then renamed. @returns its size */
export const writeBundle = async (path: string, entries: readonly BundleEntry[], nowMs: number): Promise<number> => {
  const folder = `hypermesh-support`;
  const archive = await compress(
    packTar(
      entries.map(({ name, content }) => ({ name: `${folder}/${name}`, content: Buffer.from(content) })),
      nowMs,
    ),
  );
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.part`;
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(archive);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  return archive.length;
};
