import type { ReplicaNetwork } from '../../main/kernel/consensus/interface.ts';
import type { Draw } from './draw.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How one direction between two nodes is. */
export interface Link {
  isCut: boolean;
  lossPermille: number;
  duplicatePermille: number;
  delayMs: readonly [from: number, to: number];
  /** Whether a message may overtake another. */
  isUnordered: boolean;
  /** Bytes per ms; Infinity: it takes no time. */
  bytesPerMs: number;
}
export const CALM: Readonly<Link> = {
  isCut: false,
  lossPermille: 0,
  duplicatePermille: 0,
  delayMs: [2, 12],
  isUnordered: false,
  bytesPerMs: Infinity,
};

type Handlers = Parameters<ReplicaNetwork['serve']>[0];

/** One process on the network. Two of them under one name are twins: one identity, two minds. */
export interface Port {
  readonly network: ReplicaNetwork;
  /** From now on it sends and hears nothing. */
  close(): void;
}
export interface PortInit {
  name: string;
  /** Peers that this process talks with; others do not exist for it. */
  accepts(peer: string): boolean;
  /** Changes, adds to or swallows what leaves it. @default all passes */
  outgoing?(peer: string, message: Uint8Array): readonly Uint8Array[];
  /** The same for answers. */
  answering?(peer: string, question: Uint8Array, answer: Uint8Array | null): Uint8Array | null;
  onOffence(peer: string, what: string, detail: string): void;
}

export interface SimNetwork {
  attach(init: PortInit): Port;
  link(from: string, to: string): Link;
  /** All as at the beginning. */
  calm(): void;
  readonly delivered: number;
}

/** A peer that neither answers nor hears is given up after so long, as STOQ's keepalive does. */
const GONE_AFTER_MS = 3_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** Bytes on their way between two nodes, at most: what comes on top is dropped, as a full send buffer does. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

interface Member extends PortInit {
  handlers: Handlers | null;
  isOpen: boolean;
  /** Peers it was told of. */
  known: Set<string>;
}
interface Lane extends Link {
  freeAtMs: number;
  lastArrivalMs: number;
  queuedBytes: number;
}

export interface SimNetworkComponents {
  time: VirtualTime;
  draw: Draw;
  note(kind: string, from: string, to: string, bytes: Uint8Array): void;
}

export const createSimNetwork = ({ time, draw, note }: SimNetworkComponents): SimNetwork => {
  const members: Member[] = [];
  const lanes = new Map<string, Lane>();
  let delivered = 0;

  const lane = (from: string, to: string): Lane => {
    const name = `${from}>${to}`;
    let found = lanes.get(name);
    if (found === undefined) {
      found = { ...CALM, freeAtMs: 0, lastArrivalMs: 0, queuedBytes: 0 };
      lanes.set(name, found);
    }
    return found;
  };
  const meets = (one: Member, other: Member): boolean =>
    one !== other && one.name !== other.name && one.accepts(other.name) && other.accepts(one.name);
  /** Whoever hears under that name: of twins the one that talks with the sender, or both. */
  const hearers = (from: Member, to: string): Member[] =>
    members.filter((member) => member.isOpen && member.name === to && meets(from, member));
  const isReachable = (from: Member, to: string): boolean =>
    members.some((member) => member.isOpen && member.name === to && meets(from, member));

  /** Tells a member who is there now and who no longer is. */
  const look = (member: Member): void => {
    if (!member.isOpen || member.handlers === null) return;
    const names = new Set(members.map(({ name }) => name));
    for (const name of names) {
      const isThere = isReachable(member, name) && !(lane(member.name, name).isCut && lane(name, member.name).isCut);
      if (isThere === member.known.has(name)) continue;
      if (isThere) {
        member.known.add(name);
        member.handlers.joined(name);
      } else {
        member.known.delete(name);
        member.handlers.left(name);
      }
    }
  };
  // Connections come and go by themselves: each node finds out within its own time.
  const watch = (member: Member): void => {
    time.after(draw.between(50, GONE_AFTER_MS / 3), () => {
      if (!member.isOpen) return;
      look(member);
      watch(member);
    });
  };

  /** @param deliver - at the far end, when it gets there */
  const carry = (from: string, to: string, bytes: number, isOrdered: boolean, deliver: () => void): void => {
    const link = lane(from, to);
    if (link.isCut || draw.chance(link.lossPermille) || link.queuedBytes + bytes > QUEUE_BYTES_MAX) return;
    link.freeAtMs = Number.isFinite(link.bytesPerMs)
      ? Math.max(time.nowMs, link.freeAtMs) + bytes / link.bytesPerMs
      : time.nowMs;
    const once = (): void => {
      let arrivalMs = link.freeAtMs + draw.between(link.delayMs[0], link.delayMs[1]) + draw.below(1000) / 1000;
      if (isOrdered && !link.isUnordered) {
        arrivalMs = Math.max(arrivalMs, link.lastArrivalMs);
        link.lastArrivalMs = arrivalMs;
      }
      link.queuedBytes += bytes;
      time.after(arrivalMs - time.nowMs, () => {
        link.queuedBytes -= bytes;
        // A line that was cut meanwhile loses what was on it.
        if (!link.isCut) deliver();
      });
    };
    once();
    if (draw.chance(link.duplicatePermille)) once();
  };

  const networkOf = (self: Member): ReplicaNetwork => ({
    peers: () => (self.isOpen ? [...self.known] : []),
    send: (peer, message) => {
      if (!self.isOpen || !self.known.has(peer)) return;
      for (const bytes of self.outgoing?.(peer, message) ?? [message])
        carry(self.name, peer, bytes.length, true, () => {
          for (const hearer of hearers(self, peer)) {
            if (!hearer.known.has(self.name)) continue;
            delivered += 1;
            note('message', self.name, peer, bytes);
            hearer.handlers?.message(self.name, bytes);
          }
        });
    },
    request: (peer, question, { signal, bytesMax } = {}) =>
      new Promise((resolve, reject) => {
        let isSettled = false;
        const fail = (why: string): void => {
          if (isSettled) return;
          isSettled = true;
          cancel();
          signal?.removeEventListener('abort', onAbort);
          reject(new Error(why));
        };
        const onAbort = (): void => fail('The question was taken back.');
        const cancel = time.after(REQUEST_TIMEOUT_MS, () => {
          if (self.isOpen) fail(`${peer} did not answer in time.`);
        });
        if (signal?.aborted === true || !self.isOpen || !self.known.has(peer)) {
          fail(`${peer} is not there.`);
          return;
        }
        signal?.addEventListener('abort', onAbort, { once: true });
        carry(self.name, peer, question.length, false, () => {
          const hearer = hearers(self, peer)[0];
          if (hearer === undefined || hearer.handlers === null || !hearer.known.has(self.name)) return;
          delivered += 1;
          note('question', self.name, peer, question);
          void hearer.handlers.answer(self.name, question).then(
            (honest) => {
              const answer = hearer.answering === undefined ? honest : hearer.answering(self.name, question, honest);
              if (!hearer.isOpen) return;
              carry(peer, self.name, answer?.length ?? 1, false, () => {
                if (!self.isOpen || isSettled) return;
                delivered += 1;
                note('answer', peer, self.name, answer ?? new Uint8Array(0));
                if (answer === null) fail(`${peer} has nothing to say to this.`);
                else if (bytesMax !== undefined && answer.length > bytesMax) fail(`${peer} says too much.`);
                else {
                  isSettled = true;
                  cancel();
                  signal?.removeEventListener('abort', onAbort);
                  resolve(answer);
                }
              });
            },
            // A refusal reaches whoever asked as one.
            () => carry(peer, self.name, 1, false, () => fail(`${peer} refuses.`)),
          );
        });
      }),
    serve: (handlers) => {
      self.handlers = handlers;
      time.after(1, () => look(self));
    },
    offend: (peer, what, detail) => self.onOffence(peer, what, detail),
  });

  return {
    attach: (init) => {
      const member: Member = { ...init, handlers: null, isOpen: true, known: new Set() };
      members.push(member);
      watch(member);
      return {
        network: networkOf(member),
        close: () => {
          member.isOpen = false;
          members.splice(members.indexOf(member), 1);
        },
      };
    },
    link: lane,
    calm: () => {
      for (const link of lanes.values()) Object.assign(link, CALM, { lastArrivalMs: 0 });
    },
    get delivered() {
      return delivered;
    },
  };
};
