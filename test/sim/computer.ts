import type { Logger } from '../../main/base/index.ts';
import type { Application, FinalBlock, Genesis, Replica, VoteSigner } from '../../main/kernel/consensus/interface.ts';
import { StoreError } from '../../main/base/index.ts';
import { loadLedgerTree } from '../../main/kernel/consensus/state/index.ts';
import { createReplica } from '../../main/kernel/consensus/replica/create-replica.ts';
import { createSignatureCheck, createVoteSigner, type SimKeys } from './keys.ts';
import { createSimDisk, type SimDisk } from './disk.ts';
import type { Draw } from './draw.ts';
import type { Judge } from './judge.ts';
import { createLiar, type Liar, type LiarComponents } from './liars.ts';
import type { Port, SimNetwork } from './network.ts';
import type { NodePlan } from './plan.ts';
import { createSimTurns } from './turns.ts';
import { createNodeClock, type VirtualTime } from './virtual-time.ts';
import { encodedHeaderOf } from './encoded-header.ts';

/** One process, from its start to its end. */
export interface Life {
  readonly number: number;
  readonly replica: Replica;
  isAlive: boolean;
  /** `start` has resolved. */
  isUp: boolean;
  /** Evidence that it found. */
  readonly found: Set<string>;
  readonly dropped: Map<string, string>;
}

/** A computer of a node: disk, clock, and one process after the other. */
export interface Computer {
  readonly plan: NodePlan;
  readonly keys: SimKeys;
  readonly isHonest: boolean;
  /** Twins have two. */
  readonly disks: readonly SimDisk[];
  readonly lives: readonly Life[];
  /** The one that serves; null while the computer is off. */
  life(): Life | null;
  start(): void;
  /** The power fails. */
  crash(): void;
  /** Asks the process to stop; resolves when it has. */
  stop(): Promise<void>;
  wipe(): void;
  /** The wall clock is set to another time, and back. */
  jump(ms: number): void;
  correctClock(): void;
}

export interface ComputerComponents {
  time: VirtualTime;
  draw: Draw;
  network: SimNetwork;
  logger: Logger;
  genesis: Genesis;
  app: Application;
  judge: Judge;
  note(kind: string, who: string, detail: string): void;
  /** A bug: something threw that must not. */
  failed(node: string, what: string, error: unknown): void;
  /** After each block that became final there. */
  onFinal(computer: Computer, block: FinalBlock): void;
  liar: Omit<LiarComponents, 'draw' | 'keys' | 'signer'>;
}
export interface ComputerInit {
  plan: NodePlan;
  keys: SimKeys;
  startMs: number;
  snapshotBehind: number;
  snapshotEvery: number;
  /** Peers of its mesh. */
  peers: readonly string[];
}

/** Between two looks of a liar at what it could do. */
const IDLE_MS = 50;

export const createComputer = (components: ComputerComponents, init: ComputerInit): Computer => {
  const { time, draw, network, logger, genesis, app, judge, note, failed, onFinal } = components;
  const { plan, keys, peers } = init;
  const isHonest = plan.lies.length === 0;
  const isTwin = plan.lies.includes('twins');
  const { clockOfLife, jump, correct } = createNodeClock(time, { startMs: init.startMs, driftPpm: plan.driftPpm });
  const diskDraw = draw.fork();
  const disks = Array.from({ length: isTwin ? 2 : 1 }, (_, i) => {
    const disk = createSimDisk({
      time,
      draw: diskDraw.fork(),
      note: (what, bytes) => note('disk', plan.name, `${i} ${what} ${bytes}`),
      diskFull: () => new StoreError({ code: 'DISK_FULL', path: 'simulated' }, 'The disk of this computer is full.'),
      headerOf: encodedHeaderOf,
    });
    disk.habits.writeMs = plan.writeMs;
    return disk;
  });
  /** Each twin's half; one peer in the middle hears both. */
  const halves = [
    new Set(peers.slice(0, Math.ceil(peers.length / 2) + (draw.chance(500) ? 1 : 0))),
    new Set(peers.slice(Math.ceil(peers.length / 2))),
  ];
  let lives: { life: Life; port: Port }[] = [];
  let number = 0;

  const createLife = (twin: number): { life: Life; port: Port } => {
    const disk = disks[twin]!;
    if (plan.lies.includes('amnesia')) disk.forget();
    const signer: VoteSigner = createVoteSigner(keys, (what) => {
      note('sign', plan.name, `${what.kind} ${what.content.height}/${what.content.round}`);
      if (isHonest) judge.signs(keys.hex, what);
    });
    const liar: Liar | null = isHonest
      ? null
      : createLiar(plan.lies, { ...components.liar, draw: draw.fork(), keys, signer });
    const isAlive = (): boolean => life.isAlive;
    const clock = clockOfLife(isAlive);
    const port = network.attach({
      name: plan.name,
      accepts: (peer) => (isTwin ? halves[twin]!.has(peer) : peers.includes(peer)),
      ...(liar !== null && {
        outgoing: (peer, message) => liar.outgoing(peer, message),
        answering: (peer, question, answer) => liar.answering(peer, question, answer),
      }),
      onOffence: (peer, what, detail) => note('offence', plan.name, `${peer} ${what} ${detail}`),
    });
    const offMs = liar?.clockOffMs ?? 0;
    const lifeDraw = draw.fork();
    const replica = createReplica(
      {
        outside: {
          clock: offMs === 0 ? clock : { ...clock, nowMs: () => clock.nowMs() + offMs },
          random: { bytes: lifeDraw.bytes, below: lifeDraw.below },
        },
        logger,
        metrics: null,
        store: disk.open(isAlive),
        network:
          liar === null
            ? port.network
            : {
                ...port.network,
                serve: (handlers) =>
                  port.network.serve({
                    ...handlers,
                    message: (peer, message) => {
                      liar.heard(message);
                      handlers.message(peer, message);
                    },
                  }),
              },
        check: createSignatureCheck(),
        app: liar?.app(app) ?? app,
        keys: { voter: () => signer, on: () => () => {} },
        createTree: loadLedgerTree,
        turns: createSimTurns({ clock, draw: lifeDraw.fork() }),
      },
      { genesis, snapshotBehind: init.snapshotBehind, snapshotEvery: init.snapshotEvery },
    );
    const life: Life = {
      number: (number += 1),
      replica,
      isAlive: true,
      isUp: false,
      found: new Set(),
      dropped: new Map(),
    };
    if (isHonest) {
      replica.on('final', (block) => {
        if (life.isAlive) onFinal(computer, block);
      });
      replica.on('evidence', (evidence) => {
        if (!life.isAlive) return;
        judge.found(plan.name, evidence);
        life.found.add(Buffer.from(evidence.validator).toString('hex'));
      });
      replica.on('adopted', ({ height }) => note('adopted', plan.name, String(height)));
      replica.on('waiting', ({ hash, state, reason }) => {
        if (state === 'dropped') life.dropped.set(Buffer.from(hash).toString('hex'), reason);
      });
    }
    if (liar !== null) {
      const idle = (): void => {
        if (!life.isAlive) return;
        for (const { peer, message } of liar.idle()) port.network.send(peer, message);
        clock.after(IDLE_MS, idle);
      };
      clock.after(IDLE_MS, idle);
    }
    replica.start().then(
      () => {
        life.isUp = true;
        if (life.isAlive) note('up', plan.name, String(life.number));
      },
      (error: unknown) => {
        if (life.isAlive && isHonest) failed(plan.name, 'start', error);
      },
    );
    return { life, port };
  };

  const computer: Computer = {
    plan,
    keys,
    isHonest,
    disks,
    get lives() {
      return lives.map(({ life }) => life);
    },
    life: () => lives[0]?.life ?? null,
    start: () => {
      if (lives.length > 0) return;
      note('start', plan.name, '');
      lives = disks.map((_, twin) => createLife(twin));
    },
    crash: () => {
      note('crash', plan.name, '');
      for (const { life, port } of lives) {
        life.isAlive = false;
        port.close();
      }
      for (const disk of disks) disk.crash();
      lives = [];
    },
    stop: async () => {
      note('stop', plan.name, '');
      const stopping = lives;
      await Promise.all(stopping.map(({ life }) => life.replica.stop()));
      if (lives !== stopping) return;
      computer.crash();
    },
    wipe: () => {
      for (const disk of disks) disk.wipe();
    },
    jump,
    correctClock: correct,
  };
  return computer;
};
