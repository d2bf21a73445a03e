import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  assert,
  isNodeError,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Startable,
  type WorkerPool,
} from '../../../base/index.ts';
import type { Link, LinkCarrier } from '../../leases/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import type { Mesh, PeerId, PeerVerifier } from '../../../transport/stoq/index.ts';
import type { RelayChoice } from '../interface.ts';
import { createCircuitBuilder } from './build-circuit.ts';
import { createBuildSome } from './build-some.ts';
import { CELL } from './cells.ts';
import type { CircuitEnd } from './circuit-end.ts';
import { type CircuitLink, createCircuitLink, type Offered } from './circuit-link.ts';
import {
  CIRCUIT_PROTOCOL,
  DETACHED_MS,
  HALF_OPEN_PER_PEER_MAX,
  LINKS_OUT_MAX,
  RELAYS_MIN,
  SESSIONS_IN_MAX,
} from './constants.ts';
import { CircuitError, circuitClosed, type CircuitRefusal } from './errors.ts';
import { type CircuitLimits, createHop } from './hop.ts';
import { type Begin, encodeBegun, encodeRefusal, SESSION_ID_BYTES } from './messages.ts';
import { createCircuitMetrics } from './metrics.ts';
import { createSession, type Session } from './session.ts';

export interface CircuitsComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  /** Those of the network: certificates and encapsulations. */
  workers: WorkerPool;
  mesh: Pick<Mesh, 'node' | 'connect' | 'handle'>;
  keys: Pick<KeyHolder, 'node'>;
  verifier: PeerVerifier;
  choice: RelayChoice;
  /** Asked at every step: what the owner lends to circuits of others now; null for nothing. */
  relayLimits: () => CircuitLimits | null;
  /** Whether anybody may come to this node without a name: some resource or service is there for everyone. */
  acceptsAnonymous: () => boolean;
}
export interface CircuitsInit {
  /** Relays between this node and the target. @default 2 */
  relays?: number;
  /**
   * Protocols that the far end of a circuit of ours may open towards us. Everything else does not exist for it: an answer signed with
   * this node's name would undo the circuit. @default the lease protocol
   */
  reverseProtocols?: readonly string[];
}
export interface CircuitsStats {
  /** Links that this node opened, and those of others that end here. */
  links: number;
  sessions: number;
  relayed: number;
  halfOpen: number;
  /** Of others, both ways. */
  relayedBytes: number;
}
/** Anonymous links: made here, led on for others, and ended here. */
export interface Circuits extends Startable {
  readonly carrier: LinkCarrier;
  stats(): CircuitsStats;
}

/** What shows that a second circuit is of the session that the first one began, and on no other circuit. */
const proofOf = (secret: Uint8Array, exporter: Uint8Array): Uint8Array =>
  createHmac('sha256', secret).update('hypermesh circuit 1 resume').update(exporter).digest();

export const createCircuits = (components: CircuitsComponents, init: CircuitsInit = {}): Circuits => {
  const { outside, workers, mesh, keys, verifier, choice, relayLimits, acceptsAnonymous } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('circuits');
  const metrics = components.metrics === null ? null : createCircuitMetrics(components.metrics);
  const relays = init.relays ?? RELAYS_MIN;
  assert(relays >= RELAYS_MIN, 'an anonymous circuit has two relays at least');
  const reverse = new Set(init.reverseProtocols ?? ['/hypermesh/lease/1']);
  const offered: Map<string, NonNullable<ReturnType<Offered['get']>>> = new Map();
  let running = false;

  // The near end.

  const near = new Set<{ end(): void }>();
  let opening = 0;

  const build = createBuildSome(
    { clock, metrics, builder: createCircuitBuilder({ outside, workers, mesh, verifier }), choice },
    relays,
  );

  const open = async (peer: PeerId, signal: AbortSignal | undefined): Promise<Link> => {
    if (!running || mesh.node === null)
      throw new CircuitError({ code: 'NOT_RUNNING' }, 'The network is not running; start it and try again.');
    if (near.size + opening >= LINKS_OUT_MAX)
      throw new CircuitError(
        { code: 'TOO_MANY_LINKS', max: LINKS_OUT_MAX },
        `This node has ${LINKS_OUT_MAX} anonymous links, and opens no more at once; end some of them.`,
      );
    opening += 1;
    try {
      return await openNow(peer, signal);
    } finally {
      opening -= 1;
    }
  };
  const openNow = async (peer: PeerId, signal: AbortSignal | undefined): Promise<Link> => {
    const life = new AbortController();
    const { built, relays: first } = await build(
      peer,
      [],
      signal === undefined ? life.signal : AbortSignal.any([signal, life.signal]),
    );
    const id = random.bytes(SESSION_ID_BYTES);
    const secret = built.exporter;
    let used = first;
    let own: CircuitLink | null = null;
    let told = { bytes: 0, busyMs: 0 };

    /** How fast it was, where enough went through to know. */
    const measure = (): number | null => {
      const bytes = session.sent + session.received - told.bytes;
      const busyMs = session.busyMs - told.busyMs;
      told = { bytes: session.sent + session.received, busyMs: session.busyMs };
      return bytes >= 2 ** 20 && busyMs > 0 ? (bytes * 1000) / busyMs : null;
    };
    const replace = async (): Promise<void> => {
      const cancel = clock.after(DETACHED_MS, () => life.abort(circuitClosed()));
      try {
        const again = await build(peer, used, life.signal);
        const { end, have } = await again.built.begin({
          session: id,
          have: session.received,
          proof: proofOf(secret, again.built.exporter),
        });
        used = again.relays;
        metrics?.replaced.inc();
        session.attach(end, have, again.built.rttMs).catch(broken);
      } finally {
        cancel();
      }
    };
    const broken = (error: unknown): void => {
      if (!isNodeError(error)) throw error;
      logger.debug('An anonymous link is over', { code: error.code });
      session.close();
    };
    const session: Session = createSession(
      { clock },
      {
        watches: true,
        onDetached: () => {
          for (const relay of used) choice.report(relay, { ok: false });
          measure();
          replace().catch(broken);
        },
        onClosed: () => {
          life.abort(circuitClosed());
          const bytesPerSecond = measure();
          if (bytesPerSecond !== null) for (const relay of used) choice.report(relay, { ok: true, bytesPerSecond });
          near.delete(entry);
          metrics?.sessions.set(near.size, { side: 'near' });
          own?.end();
        },
      },
    );
    const entry = { end: (): void => session.close() };
    near.add(entry);
    metrics?.sessions.set(near.size, { side: 'near' });
    const onAbort = (): void => {
      built.close();
      session.close();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const { end, have } = await built.begin({ session: id, have: 0, proof: null });
      session.attach(end, have, built.rttMs).catch(broken);
      const { peerId, keyId } = built.target;
      own = await createCircuitLink(
        { outside, logger },
        {
          session,
          side: 'near',
          party: { kind: 'peer', peerId, keyId, networks: new Set() },
          secret,
          offered,
          allowed: reverse,
        },
      );
      return own.link;
    } catch (error) {
      built.close();
      session.close();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  };

  // The far end. Nothing of what is here is written anywhere.

  const far = new Map<string, { session: Session; secret: Uint8Array }>();
  const refuse = async (end: CircuitEnd, reason: CircuitRefusal): Promise<void> => {
    await end.send([{ type: CELL.refused, parts: [encodeRefusal(reason)] }]);
  };
  const onEnd = async (end: CircuitEnd, begin: Begin, exporter: Uint8Array): Promise<void> => {
    const name = Buffer.from(begin.session).toString('hex');
    const known = far.get(name);
    if (!acceptsAnonymous()) return refuse(end, 'off');
    if (begin.proof !== null) {
      if (known === undefined || !timingSafeEqual(begin.proof, proofOf(known.secret, exporter)))
        return refuse(end, 'unknownSession');
      // What was on its way over the other one counts only up to here.
      known.session.detach('another circuit took its place');
      await end.send([{ type: CELL.begun, parts: [encodeBegun(known.session.received)] }]);
      return known.session.attach(end, begin.have, 0);
    }
    if (known !== undefined || begin.have !== 0) return refuse(end, 'malformed');
    if (far.size >= SESSIONS_IN_MAX) return refuse(end, 'full');
    let own: CircuitLink | null = null;
    let cancelWait = (): void => undefined;
    const session: Session = createSession(
      { clock },
      {
        watches: false,
        onDetached: () => {
          cancelWait();
          cancelWait = clock.after(DETACHED_MS, () => {
            if (!session.attached) session.close();
          });
        },
        onClosed: () => {
          cancelWait();
          far.delete(name);
          metrics?.sessions.set(far.size, { side: 'far' });
          own?.end();
        },
      },
    );
    far.set(name, { session, secret: exporter });
    metrics?.sessions.set(far.size, { side: 'far' });
    try {
      await end.send([{ type: CELL.begun, parts: [encodeBegun(0)] }]);
    } catch (error) {
      session.close();
      throw error;
    }
    createCircuitLink(
      { outside, logger },
      { session, side: 'far', party: { kind: 'anonymous' }, secret: exporter, offered, allowed: null },
    ).then(
      (made) => {
        own = made;
      },
      (error: unknown) => {
        if (!isNodeError(error)) throw error;
        session.close();
      },
    );
    await session.attach(end, 0, 0);
  };

  const hop = createHop({
    outside,
    logger: components.logger,
    metrics,
    mesh,
    keys,
    relayLimits,
    acceptsEnds: acceptsAnonymous,
    onEnd,
  });
  let withdraw = (): void => undefined;

  return {
    carrier: {
      open: (peer, { signal }) => open(peer, signal),
      handle: (spec, handler) => {
        const entry = { spec, handler };
        assert(!offered.has(spec.name), `The protocol ${spec.name} is offered twice over circuits.`);
        offered.set(spec.name, entry);
        return () => {
          if (offered.get(spec.name) === entry) offered.delete(spec.name);
        };
      },
    },
    stats: () => {
      const { halfOpen, relayed, bytes } = hop.stats();
      return { links: near.size, sessions: far.size, relayed, halfOpen, relayedBytes: bytes };
    },
    start: () => {
      running = true;
      withdraw = mesh.handle(
        {
          name: CIRCUIT_PROTOCOL,
          // A relay opens one here for each circuit that it leads on.
          streamsMax: 128,
          opensPerTenSeconds: 16 * HALF_OPEN_PER_PEER_MAX,
          bytesMax: null,
          deadlineMs: null,
        },
        hop.handle,
      );
      return Promise.resolve();
    },
    stop: () => {
      running = false;
      withdraw();
      for (const { end } of near) end();
      for (const { session } of far.values()) session.close();
      hop.stop();
      return Promise.resolve();
    },
  };
};
