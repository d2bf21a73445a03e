import {
  encodeCbor,
  isNodeError,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Startable,
} from '../../../base/index.ts';
import { type AddressFamily, isCircuit, isDialable, partsOf, readAddress, scopeOf } from '../address.ts';
import type { Carrier } from '../carriers/interface.ts';
import { readMessage, writeMessage } from '../connection/messages.ts';
import { exactFields, readCborOf, readCount } from '../discovery/fields.ts';
import type { Address, Connection, EndpointControl, PeerId } from '../interface.ts';
import { ReachError } from './errors.ts';
import { createReachMetrics } from './metrics.ts';

export const DIAL_BACK_PROTOCOL = '/hypermesh/dialback/1';
const MESSAGE_BYTES_MAX = 512;
/**
 * Bytes that an asker sends before an address of another host is dialled: more than a dial sends there, so that nobody is worth being
 * asked to flood somebody else (autonat v2 of libp2p asks for 30 to 100 KB).
 */
const COST_BYTES_MIN = 30_000;
const COST_BYTES_SPREAD = 30_000;
const DIAL_MS = 6_000;
const ASK_MS = 20_000;
const DIALS_AT_ONCE_MAX = 8;
/** Dials for others in a minute. */
const DIALS_PER_MINUTE_MAX = 60;
/** Of these for one asker, who has four addresses and asks four times a minute at most; and of those under way. */
const DIALS_PER_PEER_MAX = 20;
const DIALS_AT_ONCE_PER_PEER_MAX = 4;
/** Services of the system: dialled for strangers only at their own address. */
const SYSTEM_PORT_MAX = 1023;

const RESULTS = ['reached', 'notReached', 'refused', 'busy'] as const;
/** `refused`: the address is none that is dialled for others. */
export type DialBackResult = (typeof RESULTS)[number];

const malformed = (problem: string): ReachError =>
  new ReachError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `What the peer said about dialling back is not what its format allows: ${problem}.`,
  );
/** First message of the asker. */
export const encodeDialBackRequest = (address: Address): Uint8Array => encodeCbor({ a: address });
/** @throws {ReachError} `MALFORMED` */
export const decodeDialBackRequest = (bytes: Uint8Array): Address => {
  const address = readAddress(exactFields(readCborOf(bytes, 4, malformed), ['a'], malformed)['a']);
  if (address === null) throw malformed('its address is none');
  return address;
};
/** Of the witness: how many bytes it wants first, or its last word. */
export type DialBackAnswer = { cost: number } | { result: DialBackResult };
export const encodeDialBackAnswer = (answer: DialBackAnswer): Uint8Array =>
  encodeCbor('cost' in answer ? { c: answer.cost } : { r: RESULTS.indexOf(answer.result) });
/** @throws {ReachError} `MALFORMED` */
export const decodeDialBackAnswer = (bytes: Uint8Array): DialBackAnswer => {
  const value = readCborOf(bytes, 4, malformed);
  const hasCost = typeof value === 'object' && value !== null && Object.hasOwn(value, 'c');
  if (hasCost)
    return {
      cost: readCount(
        exactFields(value, ['c'], malformed)['c'],
        COST_BYTES_MIN + COST_BYTES_SPREAD,
        'its cost',
        malformed,
      ),
    };
  const result = readCount(exactFields(value, ['r'], malformed)['r'], RESULTS.length - 1, 'its result', malformed);
  return { result: RESULTS[result]! };
};

/**
 * Whether an address is dialled for a peer.
 *
 * @param observed - where the peer was seen, null when it came through somebody else
 * @returns `free` at its own host; `cost` at another one; null never: circuits, wildcards, networks that are not the peer's
 */
export const dialBackRule = (address: Address, observed: Address | null): 'free' | 'cost' | null => {
  if (isCircuit(address) || !isDialable(address) || observed === null) return null;
  const scope = scopeOf(address);
  const same = partsOf(address).host === partsOf(observed).host && partsOf(address).zone === partsOf(observed).zone;
  if (same && (scope === 'global' || scope === 'private' || scope === 'memory' || scope === 'loopback')) return 'free';
  // Private addresses of other networks are other machines here.
  if (scope !== 'global' || scopeOf(observed) !== 'global') return null;
  return partsOf(address).port <= SYSTEM_PORT_MAX ? null : 'cost';
};

export interface DialBackComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  endpoint: EndpointControl;
  /** Fresh channels are dialled with these, not with connections that are there. */
  carriers: readonly Carrier[];
  /** A peer said that it came in, and it did not. */
  onLie(peer: PeerId): void;
}
export interface DialBack extends Startable {
  /**
   * Asks a peer to dial one of our addresses. What it says is checked: a way in that it claims must have come.
   *
   * @throws {StreamError} | {ReachError} `MALFORMED`; rejects with `signal.reason`
   */
  ask(witness: Connection, address: Address, signal: AbortSignal): Promise<DialBackResult>;
}

export const createDialBack = ({
  outside,
  logger: parentLogger,
  metrics: registry,
  endpoint,
  carriers,
  onLie,
}: DialBackComponents): DialBack => {
  const { clock, random } = outside;
  const logger = parentLogger.child('stoq-dialback');
  const metrics = createReachMetrics(registry);
  let dialling = 0;
  let dialled: { peer: PeerId; atMs: number; over: boolean }[] = [];
  let withdraw = (): void => undefined;

  const observedOf = ({ path }: Connection): Address | null =>
    path === null || path.via !== null || isCircuit(path.remoteAddress) ? null : path.remoteAddress;
  const hasFamily = (family: AddressFamily): boolean =>
    family === 'memory' ||
    endpoint.addresses().some((own) => partsOf(own).family === family && scopeOf(own) !== 'link-local');
  const dial = async (address: Address, peer: PeerId): Promise<DialBackResult> => {
    const nowMs = clock.monotonicMs();
    dialled = dialled.filter(({ atMs, over }) => !over || nowMs - atMs < 60_000);
    const forPeer = dialled.filter((one) => one.peer === peer);
    const carrier = carriers.find((one) => one.canDial(address));
    // Who has no such family cannot say that nobody is there.
    if (carrier === undefined || !hasFamily(partsOf(address).family)) return 'refused';
    if (dialling >= DIALS_AT_ONCE_MAX || dialled.length >= DIALS_PER_MINUTE_MAX) return 'busy';
    // One asker does not use up what is there for all.
    if (
      forPeer.length >= DIALS_PER_PEER_MAX ||
      forPeer.filter(({ over }) => !over).length >= DIALS_AT_ONCE_PER_PEER_MAX
    )
      return 'busy';
    const entry = { peer, atMs: nowMs, over: false };
    dialling += 1;
    dialled.push(entry);
    const late = new AbortController();
    const cancel = clock.after(DIAL_MS, () => late.abort(new Error('it did not answer in time')));
    try {
      const channel = await carrier.dial(address, { signal: late.signal, peer });
      try {
        // The handshake proves that it is the asker who is there, and the asker sees that we came.
        await endpoint.addPath(channel, peer);
        return 'reached';
      } catch (error) {
        channel.abort();
        throw error;
      }
    } catch (error) {
      if (!isNodeError(error) && !late.signal.aborted) throw error;
      return 'notReached';
    } finally {
      cancel();
      dialling -= 1;
      entry.over = true;
    }
  };

  return {
    ask: async (witness, address, signal) => {
      const before = new Set(witness.paths().map(({ id }) => id));
      let came = false;
      const look = (): void => {
        came ||= witness
          .paths()
          .some(({ id, direction, via }) => !before.has(id) && direction === 'in' && via === null);
      };
      const unlisten = witness.on('pathChanged', look);
      const stream = await witness
        .openStream(DIAL_BACK_PROTOCOL, { signal, deadlineMs: ASK_MS })
        .catch((error: unknown) => {
          unlisten();
          throw error;
        });
      const read = async (): Promise<DialBackAnswer> => {
        const message = await readMessage(stream, { bytesMax: MESSAGE_BYTES_MAX });
        if (message === null) throw malformed('it ended without a result');
        return decodeDialBackAnswer(message);
      };
      try {
        await writeMessage(stream, encodeDialBackRequest(address));
        let answer = await read();
        if ('cost' in answer) {
          if (answer.cost > 0) await stream.write(random.bytes(answer.cost));
          answer = await read();
        }
        if ('cost' in answer) throw malformed('it asks for more twice');
        await stream.finish();
        look();
        if (answer.result === 'reached' && !came) {
          // Its path may be told a moment after its word.
          await clock.sleep(500, signal);
          look();
        }
        if (answer.result === 'reached' && !came) onLie(witness.peer.peerId);
        if (came) return 'reached';
        return answer.result === 'reached' ? 'refused' : answer.result;
      } catch (error) {
        stream.reset();
        throw error;
      } finally {
        unlisten();
      }
    },
    start: () => {
      withdraw = endpoint.handle(
        {
          name: DIAL_BACK_PROTOCOL,
          // As many as an asker has claims, and as many that have ended and are not read to their end yet.
          streamsMax: 8,
          opensPerTenSeconds: 16,
          bytesMax: 2 * (COST_BYTES_MIN + COST_BYTES_SPREAD),
          deadlineMs: ASK_MS,
        },
        async (stream, connection) => {
          const message = await readMessage(stream, { bytesMax: MESSAGE_BYTES_MAX });
          if (message === null) return;
          const address = decodeDialBackRequest(message);
          const rule = dialBackRule(address, observedOf(connection));
          let result: DialBackResult = 'refused';
          if (rule !== null) {
            const cost = rule === 'free' ? 0 : COST_BYTES_MIN + random.below(COST_BYTES_SPREAD);
            await writeMessage(stream, encodeDialBackAnswer({ cost }));
            for (let left = cost; left > 0; ) {
              const chunk = await stream.read(Math.min(left, 16_384));
              if (chunk === null) throw malformed('it did not send what an address of another host costs');
              left -= chunk.length;
            }
            result = await dial(address, connection.peer.peerId);
          }
          metrics?.dialBacks.inc(1, { result });
          logger.debug('Dialled back', { result });
          await writeMessage(stream, encodeDialBackAnswer({ result }));
          await stream.finish();
        },
      );
      return Promise.resolve();
    },
    stop: () => {
      withdraw();
      return Promise.resolve();
    },
  };
};
