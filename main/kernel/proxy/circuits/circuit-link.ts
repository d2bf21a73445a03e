import { isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { hkdfSha512 } from '../../../base/crypto/index.ts';
import type { Link, LinkHandler, Party } from '../../leases/index.ts';
import {
  type Address,
  type Admission,
  type CarrierStream,
  type ConnectionPath,
  createControl,
  createMuxChannel,
  createPath,
  createProtocolMeter,
  type PathOwner,
  type ProtocolSpec,
  type RateGate,
  type Stream,
} from '../../../transport/stoq/index.ts';
import { CONTROL_MS, DETACHED_MS, TICK_MS } from './constants.ts';
import { circuitClosed } from './errors.ts';
import type { Session } from './session.ts';

/** Protocols that are offered over circuits, by name. */
export type Offered = ReadonlyMap<string, { readonly spec: ProtocolSpec; readonly handler: LinkHandler }>;

export interface CircuitLinkInit {
  session: Session;
  /** Which end this is: the near one made the circuit. */
  side: 'near' | 'far';
  party: Party;
  /** 32 bytes that both ends have. */
  secret: Uint8Array;
  offered: Offered;
  /** What the other end may open of it; null: all. */
  allowed: ReadonlySet<string> | null;
}
/** A link and what circuits do with it. */
export interface CircuitLink {
  readonly link: Link;
  /** Ends it at once. */
  end(): void;
}

type LinkKeys = { deriveKey(label: string): Uint8Array };

/** Bytes of a circuit go through the gates of the connections that carry it. */
const OPEN_GATE: RateGate = { send: () => undefined, receive: () => undefined, charge: () => undefined };
/** Nobody dials it: a channel has an address, and this one is in no place. */
const NOWHERE = '/memory/circuit' as Address;
const NO_BYTES = new Uint8Array(0);
/** Ms after which a stream's rest has arrived or never will, as STOQ has it. */
const HANDLED_WAIT_MS = 10_000;

/**
 * Streams over a session: the multiplexer, the streams and their rules are STOQ's own, over another pipe.
 *
 * @throws {CircuitError} `CIRCUIT_CLOSED` when the other end does not begin in time
 */
export const createCircuitLink = async (
  { outside, logger }: { outside: Outside; logger: Logger },
  init: CircuitLinkInit,
): Promise<CircuitLink> => {
  const { clock } = outside;
  const { session, side, party, secret, offered, allowed } = init;
  const deriveKey = (label: string): Uint8Array =>
    hkdfSha512(secret, NO_BYTES, `hypermesh circuit 1 link ${label}`, 32);
  const channel = createMuxChannel(
    { clock, logger },
    {
      pipe: session.pipe,
      tier: 'relay',
      direction: side === 'near' ? 'out' : 'in',
      remoteAddress: NOWHERE,
      via: null,
      binding: deriveKey('binding'),
      wireBytes: () => ({ wireSentBytes: session.sent, wireReceivedBytes: session.received }),
      onClosed: () => session.close(),
      // A session without a circuit is silent for as long as it may be.
      idleMs: DETACHED_MS + CONTROL_MS,
    },
  );
  const first = async (): Promise<CarrierStream> => {
    if (side === 'near') return await channel.openStream();
    const cancel = clock.after(CONTROL_MS, () => channel.abort());
    try {
      const stream = await channel.acceptStream();
      if (stream === null) throw circuitClosed();
      return stream;
    } finally {
      cancel();
    }
  };
  const controlStream = await first();

  // Streams of the other end that break their protocol's rules are refused; there is nobody whose standing could pay.
  const meter = createProtocolMeter(clock, () => undefined);
  const handle = async (handler: LinkHandler, stream: Stream, protocol: string): Promise<void> => {
    try {
      await handler(stream, link);
      await stream.finish();
      const controller = new AbortController();
      const over = clock.sleep(HANDLED_WAIT_MS, controller.signal).catch(() => undefined);
      await Promise.race([stream.acknowledged(), over]).finally(() => controller.abort());
    } catch (error) {
      if (!isNodeError(error)) logger.error('Handler failed', { protocol, problem: messageOf(error) });
    }
    stream.reset();
  };
  const owner: PathOwner<LinkKeys> = {
    admit: ({ protocol, sealed }): Admission => {
      const found = allowed === null || allowed.has(protocol) ? offered.get(protocol) : undefined;
      // What is of some networks only does not exist for somebody who has shown none.
      if (found === undefined || found.spec.networks !== undefined) {
        meter.unknown();
        return { refused: 'unknown' };
      }
      const { spec, handler } = found;
      if (spec.sealed === true && !sealed) return { refused: 'refused' };
      const refused = meter.open(found);
      if (refused !== null) return { refused };
      return {
        refused: null,
        bytesMax: spec.bytesMax,
        deadlineMs: spec.deadlineMs,
        bytesPerSecondMin: spec.bytesPerSecondMin ?? null,
        run: (stream) => handle(handler, stream, protocol),
        over: () => meter.closed(found),
      };
    },
    onMessage: () => undefined,
    carried: () => undefined,
    onGone: () => {
      stopTicking();
      session.close();
    },
    offended: (offence, detail) => logger.debug('The far end of a circuit broke a rule', { offence, detail }),
  };
  let stopTicking = (): void => undefined;
  const path: ConnectionPath<LinkKeys> = createPath<LinkKeys>(
    { clock, gate: OPEN_GATE, flow: 'circuit', logger },
    {
      id: 0,
      channel,
      control: createControl(controlStream, () => channel.abort()),
      session: { deriveKey },
      owner,
    },
  );
  stopTicking = clock.every(TICK_MS, () => {
    // Without a circuit nothing is late; and what comes with a new one must have come first.
    const nowMs = clock.monotonicMs();
    if (session.attached && nowMs - session.attachedAtMs >= 2 * TICK_MS) path.tick(nowMs);
  });
  if (path.gone) stopTicking();
  // The far end waits for the first stream to begin.
  if (side === 'near') path.probe();

  const link: Link = {
    party,
    route: 'anonymous',
    openStream: (protocol, options = {}) => {
      const spec = offered.get(protocol)?.spec;
      const { extensions, signal } = options;
      return path.openStream(protocol, {
        sealed: options.sealed ?? spec?.sealed ?? false,
        deadlineMs: options.deadlineMs ?? spec?.deadlineMs ?? null,
        bytesMax: spec?.bytesMax ?? null,
        bytesPerSecondMin: spec?.bytesPerSecondMin ?? null,
        ...(extensions !== undefined && { extensions }),
        ...(signal !== undefined && { signal }),
      });
    },
    exportKey: (label) => deriveKey(`export ${label}`),
    ping: (options) => path.ping(options?.signal),
    close: async () => {
      await path.close('done', '');
      session.close();
    },
  };
  return { link, end: () => path.abort() };
};
