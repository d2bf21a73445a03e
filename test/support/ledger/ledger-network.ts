import type { Clock } from '../../../main/base/index.ts';
import type { ReplicaNetwork } from '../../../main/kernel/consensus/index.ts';

type Handlers = Parameters<ReplicaNetwork['serve']>[0];
/** Several nodes of one process that talk to each other without any transport. */
export interface LedgerNetwork {
  /** How a node sees it. A name that was taken away may come again. */
  join(name: string): ReplicaNetwork;
  /** The node talks to nobody any more. */
  leave(name: string): void;
  /** Only nodes of one group hear each other from now on. Of nobody that is in none. */
  split(...groups: readonly (readonly string[])[]): void;
  /** All hear all again. */
  heal(): void;
  /** Looks at all that is sent; null takes it away. */
  tamper(change: ((message: LedgerMessage) => Uint8Array | null) | null): void;
  readonly offences: { by: string; peer: string; what: string; detail: string }[];
  readonly sentBytes: number;
  readonly messages: number;
}
export interface LedgerMessage {
  from: string;
  to: string;
  kind: 'message' | 'question' | 'answer';
  bytes: Uint8Array;
}
/** Ms that anything takes on its way. */
const DELAY_MS = 1;
/** Ms after which a question that nobody answers is given up. */
const SILENT_MS = 2_000;

export const createLedgerNetwork = (clock: Clock): LedgerNetwork => {
  const nodes = new Map<string, { handlers: Handlers | null }>();
  const offences: { by: string; peer: string; what: string; detail: string }[] = [];
  let groups: readonly ReadonlySet<string>[] | null = null;
  let change: ((message: LedgerMessage) => Uint8Array | null) | null = null;
  let sentBytes = 0;
  let messages = 0;

  const isOpen = (one: string, other: string): boolean =>
    one !== other &&
    nodes.has(one) &&
    nodes.has(other) &&
    (groups === null || groups.some((group) => group.has(one) && group.has(other)));
  const peersOf = (name: string): string[] => [...nodes.keys()].filter((other) => isOpen(name, other)).sort();
  const pass = (message: LedgerMessage): Uint8Array | null => {
    sentBytes += message.bytes.length;
    messages += 1;
    return change === null ? message.bytes : change(message);
  };
  /** Runs something that changes who hears whom, and tells them. */
  const changing = (work: () => void): void => {
    const before = new Map([...nodes.keys()].map((name) => [name, new Set(peersOf(name))]));
    const handlersBefore = new Map([...nodes].map(([name, { handlers }]) => [name, handlers]));
    work();
    for (const [name, node] of nodes) {
      const now = new Set(peersOf(name));
      const had = before.get(name) ?? new Set<string>();
      for (const peer of had) if (!now.has(peer)) node.handlers?.left(peer);
      for (const peer of now)
        if (!had.has(peer))
          clock.after(DELAY_MS, () => {
            if (isOpen(name, peer)) nodes.get(name)?.handlers?.joined(peer);
          });
    }
    for (const [name, had] of before)
      if (!nodes.has(name)) for (const peer of had) handlersBefore.get(name)?.left(peer);
  };

  return {
    join: (name) => {
      const node: { handlers: Handlers | null } = { handlers: null };
      changing(() => nodes.set(name, node));
      const isHere = (): boolean => nodes.get(name) === node;
      return {
        peers: () => (isHere() ? peersOf(name) : []),
        send: (to, bytes) => {
          if (!isHere() || !isOpen(name, to)) return;
          const passed = pass({ from: name, to, kind: 'message', bytes });
          if (passed !== null)
            clock.after(DELAY_MS, () => {
              if (isHere() && isOpen(name, to)) nodes.get(to)?.handlers?.message(name, passed);
            });
        },
        request: async (to, question, options = {}) => {
          const passed =
            isHere() && isOpen(name, to) ? pass({ from: name, to, kind: 'question', bytes: question }) : null;
          await clock.sleep(passed === null ? SILENT_MS : DELAY_MS, options.signal);
          if (passed === null || !isOpen(name, to)) throw new Error(`${to} does not answer`);
          const answer = (await nodes.get(to)?.handlers?.answer(name, passed)) ?? null;
          if (answer === null) throw new Error(`${to} has nothing to say`);
          const back = pass({ from: to, to: name, kind: 'answer', bytes: answer });
          await clock.sleep(back === null ? SILENT_MS : DELAY_MS, options.signal);
          if (back === null || !isOpen(name, to)) throw new Error(`${to} went away`);
          if (back.length > (options.bytesMax ?? Infinity)) throw new Error('the answer is too large');
          return back;
        },
        serve: (handlers) => {
          node.handlers = handlers;
        },
        offend: (peer, what, detail) => {
          offences.push({ by: name, peer, what, detail });
        },
      };
    },
    leave: (name) => changing(() => nodes.delete(name)),
    split: (...parts) =>
      changing(() => {
        groups = parts.map((part) => new Set(part));
      }),
    heal: () =>
      changing(() => {
        groups = null;
      }),
    tamper: (next) => {
      change = next;
    },
    offences,
    get sentBytes() {
      return sentBytes;
    },
    get messages() {
      return messages;
    },
  };
};
