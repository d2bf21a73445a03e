import { setTimeout as sleep } from 'node:timers/promises';
import { createSystemOutside, type JobId, parseJobId } from '../../../main/base/index.ts';
import type { Runtime } from '../../../main/kernel/runtime/index.ts';
import { createWorkCopier } from '../../../main/kernel/runtime/moving/index.ts';
import { transferWork } from '../../../main/kernel/runtime/remote/transfer.ts';
import type { ContainerSpec, JobView } from '../../../preload/contract/index.ts';
import { createRuntimeBench, type RuntimeBench } from '../runtime.ts';
import { type ContainerWorld, IMAGE, openContainerWorld } from './container-world.ts';

export const STATE_BYTES = 100 * 1024 * 1024;
const PORT = 8080;

/** Two nodes with one engine between them, which know nothing of each other. */
export interface MovingWorld {
  readonly world: ContainerWorld;
  readonly here: RuntimeBench;
  readonly there: RuntimeBench;
  /** A job with 100 MB of state, a part of which changes all the time, that answers HTTP. */
  spec(): ContainerSpec;
  /** What the engine alone takes to stop and start a container of the same program: less than this no move can take. */
  engineStopStart(): Promise<number>;
  /** Copies, stops, copies the rest, begins there. */
  move(id: JobId): Promise<Move>;
  close(): Promise<void>;
}

export interface Move {
  /** As the target has it. */
  id: JobId;
  movedBytes: number;
  /** Until it was asked to stop. */
  copyMs: number;
  /** Until the target has begun: its parts are the three below. */
  pauseMs: number;
  stopMs: number;
  restMs: number;
  beginMs: number;
}

export const idOf = (view: JobView): JobId => {
  const id = parseJobId(view.id);
  if (id === null) throw new Error(`${view.id} is no job`);
  return id;
};

/** On its first start it makes its state; wherever it starts, it goes on with what it finds. */
const SCRIPT = `
[ -f /work/state ] || { i=0; while [ $i -lt 100 ]; do head -c 1048576 /dev/urandom >> /work/state; i=$((i+1)); done; }
echo started >> /work/starts
( i=0; while true; do i=$((i+1)); dd if=/dev/urandom of=/work/state bs=4096 count=1 seek=$((i * 97 % 25600)) conv=notrunc 2>/dev/null; sleep 0.02; done ) &
exec httpd -f -p ${PORT} -h /work
`;

export const openMovingWorld = async (): Promise<MovingWorld> => {
  const world = await openContainerWorld();
  const node = async (name: string): Promise<RuntimeBench> => {
    const { driver } = await world.life({ node: name });
    return createRuntimeBench({ drivers: [driver] });
  };
  const here = await node('here');
  const there = await node('there');
  const { clock } = createSystemOutside();
  const spec = (): ContainerSpec =>
    world.shell(SCRIPT, {
      memoryBytes: 192 * 1024 * 1024,
      scratchBytesMax: 128 * 1024 * 1024,
      cpuPercent: 100,
      ports: [PORT],
    });
  return {
    world,
    here,
    there,
    spec,
    engineStopStart: async () => {
      const container = await world.engine.client.createContainer({
        Image: IMAGE,
        Cmd: ['httpd', '-f', '-p', String(PORT)],
        // It would not hear TERM as the first process of its own.
        HostConfig: { NetworkMode: 'none', Init: true },
      });
      try {
        await container.start();
        const beganAtMs = performance.now();
        await container.stop();
        await container.start();
        return performance.now() - beganAtMs;
      } finally {
        await container.remove({ force: true });
      }
    },
    move: async (id) => {
      const at = { began: performance.now(), asked: 0, stopped: 0, copied: 0 };
      const target = await there.runtime.submit(spec(), { held: true });
      const targetId = idOf(target);
      const { pauseMs, movedBytes } = await transferWork(
        {
          source: await here.runtime.work(id),
          handOver: async () => {
            at.asked = performance.now();
            const { work } = await here.runtime.handOver(id, 'there', 200);
            at.stopped = performance.now();
            return work;
          },
          target: await there.runtime.work(targetId),
          begin: async () => {
            at.copied = performance.now();
            await there.runtime.begin(targetId);
          },
        },
        { clock, createWorkCopier, signal: new AbortController().signal, progress: () => undefined, stopped: false },
      );
      return {
        id: targetId,
        movedBytes,
        copyMs: at.asked - at.began,
        pauseMs,
        stopMs: at.stopped - at.asked,
        restMs: at.copied - at.stopped,
        beginMs: pauseMs - (at.copied - at.asked),
      };
    },
    close: async () => {
      await here.close();
      await there.close();
      await world.close();
    },
  };
};

/** One HTTP request over a connection into the job. @returns the body, null when it did not answer */
export const ask = async (runtime: Runtime, id: JobId, path: string): Promise<Buffer | null> => {
  try {
    const pipe = await runtime.connect(id, PORT);
    await pipe.write(Buffer.from(`GET ${path} HTTP/1.0\r\n\r\n`));
    const chunks: Uint8Array[] = [];
    for (let chunk = await pipe.read(); chunk !== null; chunk = await pipe.read()) chunks.push(chunk);
    await pipe.finish();
    const answer = Buffer.concat(chunks);
    const head = answer.indexOf('\r\n\r\n');
    return head < 0 || !answer.subarray(0, 20).toString('latin1').includes(' 200 ') ? null : answer.subarray(head + 4);
  } catch {
    return null;
  }
};

/** Asks whoever has the job, again and again. @returns what stops it and tells the longest time without an answer, ms */
export const watchAnswers = (asked: () => { runtime: Runtime; id: JobId }): (() => Promise<number>) => {
  let stopped = false;
  let lastAtMs = performance.now();
  let gapMs = 0;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const { runtime, id } = asked();
      if ((await ask(runtime, id, '/starts')) !== null) {
        gapMs = Math.max(gapMs, performance.now() - lastAtMs);
        lastAtMs = performance.now();
      }
      await sleep(5);
    }
  };
  const running = loop();
  return async () => {
    stopped = true;
    await running;
    return gapMs;
  };
};
