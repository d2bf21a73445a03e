import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCbor } from '../../../main/base/index.ts';
import type { ReachState } from '../../../main/transport/stoq/reach/interface.ts';
import { createTestNetwork, type HostChild, type TestNetwork } from '../netns.ts';
import { makePeer } from './make-peer.ts';

const entry = join(import.meta.dirname, '../children/reach-node.ts');

export interface PathsOf {
  tier: string | null;
  paths: { tier: string; remoteAddress: string; direction: string }[];
}
/** A node of the test in a host of its own: a process that is told what to do line by line. */
export interface WorldNode {
  readonly name: string;
  readonly peer: string;
  /** Where it listens, without link-local addresses. */
  readonly addresses: readonly string[];
  readonly child: HostChild;
  /** @throws {Error} with the message of the node's error */
  ask<T = object>(command: string, timeoutMs?: number): Promise<T>;
  connect(to: WorldNode): Promise<PathsOf>;
  /** Through what the other one announces now. */
  connectAnnounced(to: WorldNode): Promise<PathsOf>;
  state(): Promise<ReachState>;
  /** Tests reachability until it is so, or the time is over. @returns the last state */
  stateWhen(is: (state: ReachState) => boolean, timeoutMs?: number): Promise<ReachState>;
  tierTo(to: WorldNode): Promise<string | null>;
  /** Waits until new streams to a node take this tier. @returns the tier they took last */
  tierWhen(to: WorldNode, tier: string, timeoutMs?: number): Promise<string | null>;
  send(to: WorldNode, bytes: number): Promise<{ tier: string; right: boolean; ms: number }>;
}
export interface World {
  readonly network: TestNetwork;
  /** Starts nodes at once, as each takes a second of the processor. */
  nodes(...wanted: { host: string; role?: 'relay' | 'plain'; maps?: string }[]): Promise<WorldNode[]>;
  close(): Promise<void>;
}

/** Keys are made once, here: each process would take a second for its own. */
export const createWorld = (): World => {
  const network = createTestNetwork();
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-world-'));
  let seeds = 0;
  const start = async (host: string, role: string, maps: string): Promise<WorldNode> => {
    const seed = ++seeds;
    const { keys, local } = makePeer(seed);
    const file = join(folder, `${seed}.cbor`);
    writeFileSync(file, encodeCbor({ certificate: local.certificate, node: keys.node }));
    const child = network.start(host, entry, [file, '4001', role, maps]);
    const first = JSON.parse(await child.nextLine(150_000)) as { peer: string; addresses: string[] };
    let turn: Promise<unknown> = Promise.resolve();
    const ask = <T>(command: string, timeoutMs = 60_000): Promise<T> => {
      const answer = turn.then(async () => {
        child.write(command);
        const reply = JSON.parse(await child.nextLine(timeoutMs)) as T & { error?: string; data?: object };
        if (reply.error !== undefined) throw new Error(`${host}: ${reply.error} ${JSON.stringify(reply.data)}`);
        return reply;
      });
      turn = answer.catch(() => undefined);
      return answer;
    };
    const until = async <V>(get: () => Promise<V>, is: (value: V) => boolean, timeoutMs: number): Promise<V> => {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const value = await get();
        if (is(value) || performance.now() > endMs) return value;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const node: WorldNode = {
      name: host,
      peer: first.peer,
      addresses: first.addresses.filter((address) => !address.includes('/ip6zone/')),
      child,
      ask,
      connect: async (to) => {
        const command = `connect ${to.peer} ${to.addresses.join(' ')}`;
        // A machine that runs ten nodes on two processors lets dials run out of time.
        for (let tries = 0; tries < 4; tries++) {
          const answer = await ask<PathsOf>(command).catch(() => null);
          if (answer !== null) return answer;
        }
        return ask<PathsOf>(command);
      },
      connectAnnounced: async (to) => {
        const { announced } = await to.ask<{ announced: string[] }>('who');
        return ask<PathsOf>(`connect ${to.peer} ${announced.join(' ')}`);
      },
      state: () => ask<ReachState>('state'),
      stateWhen: async (is, timeoutMs = 20_000) => {
        let state = await ask<ReachState>('check');
        const endMs = performance.now() + timeoutMs;
        while (!is(state) && performance.now() < endMs) state = await ask<ReachState>('check');
        return state;
      },
      tierTo: async (to) => (await ask<PathsOf>(`paths ${to.peer}`)).tier,
      tierWhen: (to, tier, timeoutMs = 15_000) =>
        until(
          () => node.tierTo(to),
          (is) => is === tier,
          timeoutMs,
        ),
      send: (to, bytes) => ask(`send ${to.peer} ${bytes}`),
    };
    return node;
  };
  return {
    network,
    nodes: (...wanted) => Promise.all(wanted.map(({ host, role = 'plain', maps = '-' }) => start(host, role, maps))),
    close: async () => {
      await network.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
