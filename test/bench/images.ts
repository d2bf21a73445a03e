import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ImageManifest } from '../../main/kernel/runtime/images/index.ts';
import { engineMissing, startTestEngine } from '../support/engine/docker-engine.ts';
import { startImageNode } from '../support/runtime/image-node.ts';
import type { Figure } from './figure.ts';

/** One layer that does not compress. */
const IMAGE_MIB = Number(process.env['BENCH_IMAGE_MIB'] ?? 1024);
const MIB = 1024 * 1024;

const shell = (script: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${script} ended with ${code}`));
    });
  });
const residentMib = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
/** Runs it, and looks every 20 ms at how much memory it takes and how long the thread was held. */
const measured = async (work: () => Promise<unknown>): Promise<{ ms: number; mib: number; heldMs: number }> => {
  const before = residentMib();
  let mib = 0;
  let heldMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    heldMs = Math.max(heldMs, now - last - 20);
    last = now;
    mib = Math.max(mib, residentMib() - before);
  }, 20);
  const start = performance.now();
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return { ms: performance.now() - start, mib, heldMs };
};

/** An image out of the engine into checked parts and back, beside the engine's own `save` and `load` of the same image. */
export const benchImages = async (): Promise<Figure[]> => {
  if (engineMissing !== null) throw new Error(engineMissing);
  const engine = await startTestEngine();
  const node = await startImageNode({ client: engine.client, bytesMax: 2 ** 34 });
  const docker = `docker -H ${engine.endpoint}`;
  const rows: Figure[] = [];
  try {
    const folder = `${engine.folder}/made`;
    await shell(
      `mkdir ${folder} && head -c ${IMAGE_MIB}M /dev/urandom > ${folder}/blob && tar -C ${folder} -c . | ${docker} import - large:1 && rm -r ${folder}`,
    );
    const start = async (work: string): Promise<number> => {
      const at = performance.now();
      await shell(work);
      return performance.now() - at;
    };
    const save = await start(`${docker} save large:1 > ${engine.folder}/large.tar`);
    const out: { manifest: ImageManifest | null } = { manifest: null };
    const exported = await measured(async () => (out.manifest = await node.images.export('large:1', {})));
    const given = out.manifest;
    if (given === null) throw new Error('nothing was exported');
    await shell(`${docker} rmi large:1`);
    const load = await start(`${docker} load < ${engine.folder}/large.tar`);
    await shell(`${docker} rmi large:1 && rm ${engine.folder}/large.tar`);
    const imported = await measured(() => node.images.import(given, {}));
    for (const [what, ours, peer, name] of [
      ['out of the engine, hashed and checked', exported, save, 'docker save'],
      ['into the engine, looked through twice', imported, load, 'docker load'],
    ] as const) {
      rows.push(
        {
          name: `image of ${IMAGE_MIB} MiB ${what}`,
          unit: 'ms',
          value: ours.ms,
          peer: { name, value: peer },
          ratio: ours.ms / peer,
          target: 'for information',
        },
        {
          name: `memory for it`,
          unit: 'MiB',
          value: ours.mib,
          target: 'below 64 MiB',
          reached: ours.mib < 64,
        },
        {
          name: 'longest hold of the thread meanwhile',
          unit: 'ms',
          value: ours.heldMs,
          target: 'below 50 ms when quiet',
        },
      );
    }
    const again = performance.now();
    await node.images.export(given.id, {});
    rows.push({
      name: 'the same image again, its parts being there',
      unit: 'ms',
      value: performance.now() - again,
      peer: { name: `bytes of it, MiB`, value: given.layers.reduce((sum, { bytes }) => sum + bytes, 0) / MIB },
      target: 'for information',
    });
  } finally {
    await node.stop();
    await engine.stop();
  }
  return rows;
};
