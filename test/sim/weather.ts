import type { Computer } from './computer.ts';
import type { SimNetwork } from './network.ts';
import type { Fault } from './plan.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface WeatherComponents {
  time: VirtualTime;
  network: SimNetwork;
  computers: readonly Computer[];
  /** A validator's own transaction: it wants to join, or to leave. */
  vote(kind: 'join' | 'leave', computer: Computer): void;
  failed(node: string, what: string, error: unknown): void;
  note(kind: string, who: string, detail: string): void;
}

/** How long a process may take to stop when it is asked to. */
const STOP_MS = 10_000;

/** Makes things go wrong, and right again. */
export const createWeather = ({ time, network, computers, vote, failed, note }: WeatherComponents) => {
  const names = computers.map(({ plan }) => plan.name);
  const find = (name: string): Computer => computers.find(({ plan }) => plan.name === name)!;
  let isOver = false;

  const later = (ms: number, what: () => void): void => {
    time.after(ms, () => {
      if (!isOver) what();
    });
  };
  const pairs = (): [from: string, to: string][] =>
    names.flatMap((from) => names.filter((to) => to !== from).map((to): [string, string] => [from, to]));
  const cut = (which: readonly (readonly [string, string])[], forMs: number): void => {
    for (const [from, to] of which) network.link(from, to).isCut = true;
    later(forMs, () => {
      for (const [from, to] of which) network.link(from, to).isCut = false;
    });
  };
  const isFirm = ({ plan, isHonest }: Computer): boolean => isHonest && plan.power + plan.candidate > 0;

  const begin = (fault: Fault): void => {
    note('fault', 'world', JSON.stringify(fault));
    switch (fault.kind) {
      case 'crash': {
        const computer = find(fault.node);
        const life = computer.life();
        const up = (): void => {
          // Whoever signs for others and forgets what is a liar, so no honest validator's disk is lost.
          if (fault.wipes && !isFirm(computer)) computer.wipe();
          computer.start();
        };
        if (!fault.isOrderly || life === null) {
          computer.crash();
          later(fault.forMs, up);
          return;
        }
        let hasStopped = false;
        computer.stop().then(
          () => {
            hasStopped = true;
            later(fault.forMs, up);
          },
          (error: unknown) => failed(fault.node, 'stop', error),
        );
        time.after(STOP_MS, () => {
          if (!hasStopped && life.isAlive)
            failed(fault.node, 'stop', new Error(`It has not stopped after ${STOP_MS} ms.`));
        });
        return;
      }
      case 'crash-all':
        for (const computer of computers) computer.crash();
        later(fault.forMs, () => {
          for (const computer of computers) computer.start();
        });
        return;
      case 'islands': {
        const island = new Map(
          fault.islands.flatMap((members, i) => members.map((name): [string, number] => [name, i])),
        );
        cut(
          pairs().filter(([from, to]) => island.get(from) !== island.get(to)),
          fault.forMs,
        );
        return;
      }
      case 'one-way':
        cut([[fault.from, fault.to]], fault.forMs);
        return;
      case 'deaf':
        cut(
          pairs().filter(([, to]) => to === fault.node),
          fault.forMs,
        );
        return;
      case 'mute':
        cut(
          pairs().filter(([from]) => from === fault.node),
          fault.forMs,
        );
        return;
      case 'slow-link': {
        const link = network.link(fault.from, fault.to);
        const before = { delayMs: link.delayMs, bytesPerMs: link.bytesPerMs };
        Object.assign(link, { delayMs: [fault.delayMs >> 1, fault.delayMs], bytesPerMs: fault.bytesPerMs });
        later(fault.forMs, () => void Object.assign(link, before));
        return;
      }
      case 'weather':
        for (const [from, to] of pairs()) {
          const link = network.link(from, to);
          const { lossPermille, duplicatePermille, isUnordered, delayMs } = link;
          Object.assign(link, {
            lossPermille: fault.lossPermille,
            duplicatePermille: fault.duplicatePermille,
            isUnordered: fault.isUnordered,
            delayMs: [1, fault.delayMs],
          });
          later(fault.forMs, () => void Object.assign(link, { lossPermille, duplicatePermille, isUnordered, delayMs }));
        }
        return;
      case 'clock':
        find(fault.node).jump(fault.byMs);
        return;
      case 'slow-disk':
        for (const { habits } of find(fault.node).disks) {
          const { writeMs } = habits;
          habits.writeMs = [fault.writeMs >> 1, fault.writeMs];
          later(fault.forMs, () => {
            habits.writeMs = writeMs;
          });
        }
        return;
      case 'full-disk':
        for (const { habits } of find(fault.node).disks) {
          habits.isFull = true;
          later(fault.forMs, () => {
            habits.isFull = false;
          });
        }
        return;
      case 'join':
      case 'leave':
        vote(fault.kind, find(fault.node));
    }
  };

  return {
    plan: (faults: readonly { atMs: number; fault: Fault }[]): void => {
      for (const { atMs, fault } of faults) later(atMs, () => begin(fault));
    },
    /** Everything works again. */
    heal: (): void => {
      isOver = true;
      network.calm();
      for (const computer of computers) {
        for (const { habits } of computer.disks) {
          habits.isFull = false;
          habits.writeMs = computer.plan.writeMs;
        }
        computer.correctClock();
        computer.start();
      }
    },
  };
};
