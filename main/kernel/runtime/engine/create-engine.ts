import type Docker from 'dockerode';
import { assert, Emitter, type Logger, messageOf, type Outside, type Settings } from '../../../base/index.ts';
import { ENGINE_TIMEOUT_MS, type AdapterEnvironment, type EngineAddress } from '../../assets/index.ts';
import { askEngine, listenToEngine } from './ask-engine.ts';
import {
  ENGINE_LOOK_MS,
  ENGINE_MARK_BYTES,
  ENGINE_MARK_SETTING,
  ENGINE_PING_MS,
  ENGINE_RETURN_LOOKS_MAX,
  ENGINE_RETURN_LOOK_MS,
} from './constants.ts';
import { engineMissing } from './errors.ts';
import { findEngine, type FoundEngine } from './find-engine.ts';
import { ENGINE_LABELS, type ContainerEvent, type Engine, type EngineEvents, type EngineState } from './interface.ts';
import { loadClient } from './load-client.ts';

export interface EngineComponents {
  outside: Outside;
  logger: Logger;
  settings: Settings;
  /** As the owner set it; null: found by itself. Asked at every look, so that a change needs no restart. */
  containerEndpoint: () => string | null;
  env: AdapterEnvironment;
}
export interface EngineInit {
  /** Sockets that are tried after the configured one and the environment's. @default those of Docker and Podman on this system */
  defaultEndpoints?: readonly string[];
  pingMs?: number;
  lookMs?: number;
}

const NOT_LOOKED: FoundEngine = {
  state: {
    ok: false,
    sentence: 'The container engine has not been looked for yet; try again in a moment.',
    endpoint: null,
    engine: null,
    version: null,
    apiVersion: null,
    cgroupVersion: null,
    rootless: false,
    userns: false,
  },
  address: null,
};

export const createEngine = (components: EngineComponents, init: EngineInit = {}): Engine => {
  const { outside, settings } = components;
  const { clock } = outside;
  const logger = components.logger.child('engine');
  const events = new Emitter<EngineEvents>();
  const stopping = new AbortController();
  let found = NOT_LOOKED;
  let mark: string | null = null;
  let looking: Promise<EngineState> | null = null;
  let loading: Promise<typeof Docker> | null = null;
  let client: { address: EngineAddress; docker: Docker } | null = null;
  let unlisten: (() => void) | null = null;
  let askedFor: string | null = null;
  /** Looks in quick succession that are left after it went down. */
  let returnLooks = 0;
  let cancelLook: (() => void) | null = null;
  const stops: (() => void)[] = [];

  const ownMark = (): string => {
    assert(mark !== null, 'The engine is started before it is used.');
    return mark;
  };

  const hear = (event: Record<string, unknown>): void => {
    const action = event['Action'];
    const actor = event['Actor'] as { ID?: unknown; Attributes?: Record<string, unknown> } | undefined;
    const id = actor?.ID;
    if (event['Type'] !== 'container' || typeof action !== 'string' || typeof id !== 'string') return;
    const text: Record<string, string> = {};
    for (const [name, value] of Object.entries(actor?.Attributes ?? {}))
      if (typeof value === 'string') text[name] = value;
    const told: ContainerEvent = { id, name: text['name'] ?? '', action, attributes: text };
    events.emit('container', told);
  };

  const listen = (address: EngineAddress): void => {
    unlisten?.();
    const filters = { type: ['container'], label: [`${ENGINE_LABELS.node}=${ownMark()}`] };
    unlisten = listenToEngine(address, `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`, {
      event: hear,
      closed: () => {
        unlisten = null;
        if (stopping.signal.aborted) return;
        // Its connections close as it goes down: it is back in a moment, was replaced, or stays away.
        returnLooks = ENGINE_RETURN_LOOKS_MAX;
        void look();
      },
    });
  };

  const sameAs = (a: EngineState, b: EngineState): boolean =>
    (Object.keys(a) as (keyof EngineState)[]).every((key) => a[key] === b[key]);
  const sameAddress = (a: EngineAddress | null, b: EngineAddress): boolean =>
    a !== null && JSON.stringify(a) === JSON.stringify(b);

  const take = (next: FoundEngine): void => {
    const before = found.state;
    const { state, address } = next;
    const moved = address !== null && !sameAddress(found.address, address);
    found = next;
    if (address === null) {
      unlisten?.();
      unlisten = null;
    } else {
      if (moved || unlisten === null) listen(address);
      returnLooks = 0;
    }
    if (sameAs(before, state)) return;
    if (state.ok)
      logger.info('Container engine answers', {
        engine: state.engine,
        version: state.version,
        cgroup: state.cgroupVersion,
      });
    else logger.debug('No container engine', { sentence: state.sentence });
    events.emit('changed', state);
  };

  const look = async (): Promise<EngineState> =>
    (looking ??= (async () => {
      try {
        askedFor = components.containerEndpoint();
        const next = await findEngine({
          configured: askedFor,
          env: components.env,
          defaultEndpoints: init.defaultEndpoints,
          signal: stopping.signal,
        });
        if (!stopping.signal.aborted) take(next);
        return found.state;
      } finally {
        looking = null;
        if (!found.state.ok && returnLooks > 0 && !stopping.signal.aborted) {
          returnLooks--;
          cancelLook?.();
          cancelLook = clock.after(ENGINE_RETURN_LOOK_MS, () => void look());
        }
      }
    })());

  const ping = async (): Promise<void> => {
    const { address } = found;
    if (address === null) return;
    const answer = await askEngine(address, '/_ping', { timeoutMs: ENGINE_TIMEOUT_MS, signal: stopping.signal });
    if (!answer.ok && !stopping.signal.aborted && found.address === address) await look();
  };

  const clientOf = (docker: typeof Docker, address: EngineAddress): Docker => {
    if (client !== null && sameAddress(client.address, address)) return client.docker;
    // What the environment names is not to be mixed in: the address says all.
    const own = 'socketPath' in address ? { host: undefined, port: undefined, protocol: 'http' as const } : {};
    client = { address, docker: new docker({ ...own, ...address }) };
    return client.docker;
  };

  return {
    get mark() {
      return ownMark();
    },
    on: (name, listener) => events.on(name, listener),
    state: () => found.state,
    start: async () => {
      assert(mark === null, 'The engine is started once.');
      mark = await readMark(settings, outside);
      // Not waited for: an engine that hangs must not keep the node from starting. Whoever needs it waits for the look under way.
      void look();
      stops.push(
        clock.every(init.pingMs ?? ENGINE_PING_MS, () => void ping()),
        clock.every(init.lookMs ?? ENGINE_LOOK_MS, () => {
          if (!found.state.ok || components.containerEndpoint() !== askedFor) void look();
        }),
      );
    },
    stop: async () => {
      stopping.abort();
      for (const stop of stops.splice(0)) stop();
      cancelLook?.();
      unlisten?.();
      unlisten = null;
      await looking?.catch(() => undefined);
    },
    refresh: look,
    client: async () => {
      if (looking !== null || !found.state.ok) await look();
      if (found.address === null) throw engineMissing(found.state.sentence);
      loading ??= loadClient().catch((error: unknown) => {
        loading = null;
        throw engineMissing(
          `The client of the container engine cannot be loaded (${messageOf(error)}); install the app again.`,
        );
      });
      const docker = await loading;
      // It may have gone meanwhile.
      if (found.address === null) throw engineMissing(found.state.sentence);
      return clientOf(docker, found.address);
    },
  };
};

/** The name of this node's own things, kept for as long as its data folder is: what a crash left is found by it. */
const readMark = async (settings: Settings, { random }: Outside): Promise<string> => {
  const kept = await settings.get(ENGINE_MARK_SETTING);
  if (typeof kept === 'string' && /^[0-9a-f]{32}$/.test(kept)) return kept;
  const made = Buffer.from(random.bytes(ENGINE_MARK_BYTES)).toString('hex');
  await settings.set(ENGINE_MARK_SETTING, made);
  return made;
};
