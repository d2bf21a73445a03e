import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import {
  Emitter,
  isNodeError,
  messageOf,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
} from '../../../base/index.ts';
import type { ContainerDoctorState, DoctorCheck } from '../../../../preload/contract/index.ts';
import type { Holders } from '../drivers/container/holder/interface.ts';
import type { Engine, EngineState } from '../engine/index.ts';
import type { Images } from '../images/interface.ts';
import { AskError } from './ask-engine.ts';
import { FIXED_KEPT_MAX, REFRESH_TIMEOUT_MS, SETTLE_MS } from './constants.ts';
import { DOCTOR_SETTING, NEVER_RAN, readMemory, storedMemory, type DoctorMemory } from './doctor-memory.ts';
import { checkUnknown, doctorRunning, notFixable } from './errors.ts';
import { examineAnswer, examineVersion, findEngine } from './examine-engine.ts';
import {
  examineCgroups,
  examineClock,
  examineDisk,
  examineGraphics,
  examineStorage,
  examineSystem,
  examineWalls,
} from './examine-host.ts';
import { examineHolder, examineImages, removeOverQuota } from './examine-images.ts';
import { examineCpu, examineInside, examineMemory, examineTestImage } from './examine-limits.ts';
import { failedAsk, skipped, type Examined, type Finding, type MachineFacts } from './examined.ts';
import { readHostFacts } from './host-facts.ts';
import type { ContainerDoctor, ContainerDoctorEvents } from './interface.ts';
import { examineLeftovers } from './leftovers.ts';
import { createDoctorMetrics } from './metrics.ts';
import { removeImage, type ProbeContext } from './probe-container.ts';

export interface ContainerDoctorComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  settings: Pick<Settings, 'get' | 'set'>;
  engine: Pick<Engine, 'state' | 'refresh' | 'on' | 'mark'>;
  /** What the inventory knows of the machine. Asked at every examination. */
  machine: () => MachineFacts;
  /** The drivers' own way of removing what belongs to no live job. @returns how many things */
  sweep: () => Promise<number>;
  /** Left out: not looked at. */
  images?: Pick<Images, 'state' | 'remove'>;
  holders?: Pick<Holders, 'ensureImage'>;
}
export interface ContainerDoctorInit {
  /** The test program, `hypermesh-probe`; null: this build has none. */
  probe: string | null;
  /** @default of this process */
  platform?: NodeJS.Platform;
  /** Where the system's files begin. @default '/' */
  systemRoot?: string;
  /** @default of this process */
  user?: { name: string; uid: number; groups: readonly number[] };
  /** @default {@link SETTLE_MS} */
  settleMs?: number;
}

/** Every check with what it is called, in the order in which they are made and shown. */
const CHECKS = {
  engine: 'Container engine',
  rights: 'Right to use it',
  version: 'Version',
  answer: 'Answering time',
  system: 'System',
  cgroups: 'Control groups',
  storage: 'Storage driver',
  disk: 'Free disk',
  walls: 'Walls of the engine',
  clock: 'Clocks',
  graphics: 'Graphics cards',
  leftovers: 'Left behind by jobs',
  images: 'Images of jobs',
  holder: 'Keeper of job files',
  'test-image': 'Test image',
  'limits-start': 'Start of a container',
  'limits-network': 'No network inside',
  'limits-root': 'Read-only image',
  'limits-rights': 'No rights inside',
  'limits-tmp': 'Limit on scratch space',
  'limits-pids': 'Limit on processes',
  'limits-memory': 'Limit on memory',
  'limits-cpu': 'Share of the processor',
} as const;
type CheckId = keyof typeof CHECKS;
const CHECK_IDS = Object.keys(CHECKS) as CheckId[];
const INSIDE = ['limits-start', 'limits-network', 'limits-root', 'limits-rights', 'limits-tmp', 'limits-pids'] as const;

/** Names an engine: another one, or another version of it, is examined anew. */
const nameOf = (state: EngineState): string =>
  state.ok
    ? [
        state.endpoint,
        state.engine,
        state.version,
        state.apiVersion,
        state.cgroupVersion,
        state.rootless,
        state.userns,
      ].join(' ')
    : `none ${state.endpoint ?? ''}`;

export const createContainerDoctor = (
  components: ContainerDoctorComponents,
  init: ContainerDoctorInit,
): ContainerDoctor => {
  const { outside, settings, engine } = components;
  const { clock } = outside;
  const logger = components.logger.child('container-doctor');
  const metrics = createDoctorMetrics(components.metrics);
  const events = new Emitter<ContainerDoctorEvents>();
  let memory: DoctorMemory = { engine: '', said: {}, state: NEVER_RAN };
  /** While it runs: what is known so far. */
  let checks: DoctorCheck[] | null = null;
  let running: { controller: AbortController; done: Promise<void> } | null = null;
  let cancelSettle: (() => void) | null = null;
  let unlisten: (() => void) | null = null;
  let stopped = false;

  const state = (): ContainerDoctorState => ({
    ...memory.state,
    running: running !== null,
    ...(checks === null ? {} : { checks: [...checks] }),
  });
  const tell = (): void => events.emit('changed', state());
  const put = (id: CheckId, change: Partial<DoctorCheck>): void => {
    checks = (checks ?? []).map((check) => (check.id === id ? { ...check, ...change } : check));
  };
  const remember = async (): Promise<void> => {
    try {
      await settings.set(DOCTOR_SETTING, storedMemory(memory));
    } catch (error) {
      logger.warn('What the container doctor found could not be kept', { reason: messageOf(error) });
    }
  };
  const addFixed = (sentence: string): void => {
    const fixed = [{ atMs: clock.nowMs(), sentence }, ...memory.state.fixed].slice(0, FIXED_KEPT_MAX);
    memory = { ...memory, state: { ...memory.state, fixed } };
  };
  const lookAtHost = (): ReturnType<typeof readHostFacts> => {
    const user = userInfo();
    return readHostFacts({
      platform: init.platform ?? process.platform,
      ...(init.systemRoot === undefined ? {} : { root: init.systemRoot }),
      user: init.user ?? { name: user.username, uid: user.uid, groups: process.getgroups?.() ?? [] },
    });
  };

  /** One examination. @returns problems by check */
  const examine = async (signal: AbortSignal): Promise<Map<CheckId, string>> => {
    const problems = new Map<CheckId, string>();
    let startFails = false;
    const settle = (id: CheckId, finding: Finding, tookMs: number): void => {
      const { result, sentence, fix = '', command = '', fixable = false } = finding;
      if (result === 'bad' || result === 'warning') problems.set(id, finding.problem ?? result);
      if (finding.fixed !== undefined) {
        addFixed(finding.fixed);
        metrics?.fixed.inc(1, { check: id });
        logger.info(finding.fixed);
      }
      put(id, { result, sentence, fix, command, fixable, tookMs: Math.round(tookMs * 10) / 10 });
    };
    /** Makes some checks together. Does not throw for what an engine may do. */
    const step = async <K extends CheckId>(
      ids: readonly K[],
      make: () => Promise<Record<K, Finding>> | Record<K, Finding>,
    ): Promise<void> => {
      if (signal.aborted) return;
      const beginMs = clock.monotonicMs();
      for (const id of ids) put(id, { result: 'running' });
      tell();
      let found: Record<K, Finding>;
      try {
        found = await make();
      } catch (error) {
        if (signal.aborted) return;
        const failure = isNodeError(error)
          ? ({ result: 'bad', sentence: error.message, problem: error.code } as const)
          : failedAsk(error);
        if (failure.problem === 'gone') examined.ask = null;
        else if (ids.some((id) => id === 'limits-start')) startFails = true;
        // One failure is told once: the others of the step say only that they were not made.
        found = Object.fromEntries(
          ids.map((id, index) => [id, index === 0 ? failure : skipped('Not measured: see above.')]),
        ) as Record<K, Finding>;
      }
      for (const id of ids) settle(id, found[id], clock.monotonicMs() - beginMs);
    };
    const one = (id: CheckId, make: () => Promise<Finding> | Finding): Promise<void> =>
      step([id], async () => ({ [id]: await make() }) as Record<typeof id, Finding>);
    const withEngine = (id: CheckId, make: (context: ProbeContext) => Promise<Finding>): Promise<void> =>
      one(id, () => {
        const context = contextOf();
        return context === null ? skipped('Not looked at: there is no engine that can be used.') : make(context);
      });

    const examined: Examined = {
      host: await lookAtHost(),
      machine: components.machine(),
      endpoint: null,
      ask: null,
      version: null,
      info: null,
    };
    const contextOf = (): ProbeContext | null =>
      examined.ask === null || examined.info === null
        ? null
        : {
            ask: examined.ask,
            clock,
            random: outside.random,
            mark: engine.mark,
            podman: examined.version?.engine === 'Podman',
            signal,
          };
    await step(['engine', 'rights'], async () => findEngine(examined, await endpointNow(signal), clock, signal));
    await one('version', () => examineVersion(examined, signal));
    await one('answer', () => examineAnswer(examined, signal));
    await one('system', () => examineSystem(examined));
    await one('cgroups', () => examineCgroups(examined));
    await one('storage', () => examineStorage(examined));
    await one('disk', () => examineDisk(examined));
    await one('walls', () => examineWalls(examined));
    await one('clock', () => examineClock(examined, clock, signal));
    await one('graphics', () => examineGraphics(examined));
    await withEngine('leftovers', (context) => examineLeftovers(context, components.sweep));
    const { images, holders } = components;
    if (images !== undefined) await withEngine('images', () => examineImages(images));
    if (holders !== undefined) await withEngine('holder', () => examineHolder(holders));

    let image: string | null = null;
    try {
      await withEngine('test-image', async (context) => {
        const made = await examineTestImage(context, init.probe);
        image = made.image;
        return made.finding;
      });
      const without = skipped('Not measured: no test container can be run.');
      const measured = <K extends CheckId>(
        ids: readonly K[],
        make: (context: ProbeContext, name: string) => Promise<Record<K, Finding>>,
      ): Promise<void> =>
        step(ids, () => {
          const context = contextOf();
          return context === null || image === null || startFails
            ? (Object.fromEntries(ids.map((id) => [id, without])) as Record<K, Finding>)
            : make(context, image);
        });
      await measured(INSIDE, examineInside);
      await measured(['limits-memory'], async (context, name) => ({
        'limits-memory': await examineMemory(context, name),
      }));
      await measured(['limits-cpu'], async (context, name) => ({ 'limits-cpu': await examineCpu(context, name) }));
    } finally {
      if (image !== null && examined.ask !== null)
        await removeImage(examined.ask, image).catch((error: unknown) => {
          // It is found as left behind the next time.
          if (!(error instanceof AskError)) throw error;
        });
    }
    return problems;
  };

  /** Where the node found an engine or something in its place. One that hangs is not waited for longer than bounded. */
  const endpointNow = async (signal: AbortSignal): Promise<string | null> => {
    const waiting = new AbortController();
    const late = clock.sleep(REFRESH_TIMEOUT_MS, AbortSignal.any([signal, waiting.signal])).then(
      () => engine.state(),
      () => engine.state(),
    );
    const found = await Promise.race([engine.refresh(), late]);
    waiting.abort();
    return found.endpoint;
  };

  const verdictOf = (made: readonly DoctorCheck[]): Pick<DoctorMemory['state'], 'verdict' | 'sentence'> => {
    const worst = made.find(({ result }) => result === 'bad') ?? made.find(({ result }) => result === 'warning');
    if (worst !== undefined) return { verdict: worst.result === 'bad' ? 'bad' : 'warning', sentence: worst.sentence };
    const found = made.find(({ id }) => id === 'engine')?.sentence ?? '';
    const measured = made.some(({ id, result }) => id === 'limits-cpu' && result === 'good');
    return {
      verdict: 'good',
      sentence: measured
        ? `${found} It runs jobs as it should: every limit was measured and holds.`
        : `${found} It looks well; its limits were not measured.`,
    };
  };

  /** Says what was not said before, and forgets what is well again. */
  const say = (problems: ReadonlyMap<CheckId, string>, made: readonly DoctorCheck[]): Record<string, string> => {
    const said = { ...memory.said };
    for (const check of made) {
      const problem = problems.get(check.id as CheckId);
      if (problem !== undefined) {
        if (said[check.id] === problem) continue;
        said[check.id] = problem;
        const context = { check: check.id, sentence: check.sentence, fix: check.fix };
        // That there is no engine is no fault: most machines have none.
        if (check.result === 'bad' && problem !== 'none')
          logger.warn('Something is wrong with the container engine', context);
        else logger.info('About the container engine', context);
        events.emit('problem', check);
      } else if (check.result === 'good' && said[check.id] !== undefined) {
        delete said[check.id];
        logger.info('Well again with the container engine', { check: check.id, sentence: check.sentence });
      }
    }
    return said;
  };

  const runOnce = async (signal: AbortSignal): Promise<void> => {
    const beginMs = clock.monotonicMs();
    try {
      const problems = await examine(signal);
      if (signal.aborted) return;
      const made = checks ?? [];
      const outcome = verdictOf(made);
      const said = say(problems, made);
      memory = {
        engine: nameOf(engine.state()),
        said,
        state: { ...memory.state, ...outcome, ranAtMs: clock.nowMs(), checks: made },
      };
      metrics?.runs.inc(1, { verdict: outcome.verdict });
      metrics?.problems.set(problems.size);
      metrics?.seconds.observe((clock.monotonicMs() - beginMs) / 1000);
      await remember();
    } finally {
      // Stopped in the middle, what was found before is shown again.
      checks = null;
      running = null;
      if (!stopped) tell();
    }
  };

  const begin = (): void => {
    const has = (id: CheckId): boolean =>
      id === 'images' ? components.images !== undefined : id === 'holder' ? components.holders !== undefined : true;
    checks = CHECK_IDS.filter(has).map((id) => ({
      id,
      title: CHECKS[id],
      result: 'waiting',
      sentence: '',
      fix: '',
      command: '',
      fixable: false,
      tookMs: 0,
    }));
    cancelSettle?.();
    cancelSettle = null;
    const controller = new AbortController();
    // Set before the first step: it must not end before it is known to run.
    running = { controller, done: Promise.resolve() };
    running.done = runOnce(controller.signal);
    tell();
  };

  /** What could not be removed while the engine was away is removed now that it is back. */
  const sweepQuietly = async (): Promise<void> => {
    try {
      const removed = await components.sweep();
      if (removed > 0) logger.info('Removed what jobs had left in the engine', { things: removed });
    } catch (error) {
      logger.debug('What jobs left in the engine could not be removed', { reason: messageOf(error) });
    }
  };

  /** Examines an engine that was not examined yet, once it has stood still for a while. */
  const consider = (): void => {
    cancelSettle?.();
    cancelSettle = clock.after(init.settleMs ?? SETTLE_MS, () => {
      cancelSettle = null;
      if (stopped || running !== null) return;
      if (nameOf(engine.state()) !== memory.engine) begin();
      else if (engine.state().ok) void sweepQuietly();
    });
  };

  const startUserPodman = (): Promise<void> =>
    new Promise((resolve) => {
      execFile('systemctl', ['--user', 'start', 'podman.socket'], { timeout: REFRESH_TIMEOUT_MS }, (error) => {
        if (error !== null) logger.warn('Podman of this user could not be started', { reason: messageOf(error) });
        else addFixed('Started your own Podman.');
        resolve();
      });
    });

  return {
    on: (name, listener) => events.on(name, listener),
    state,
    start: async () => {
      memory = readMemory(await settings.get(DOCTOR_SETTING));
      unlisten = engine.on('changed', consider);
      consider();
    },
    stop: async () => {
      stopped = true;
      unlisten?.();
      cancelSettle?.();
      running?.controller.abort();
      await running?.done;
    },
    run: () => {
      if (running !== null) throw doctorRunning();
      begin();
      return state();
    },
    cancel: () => {
      running?.controller.abort();
      return state();
    },
    fix: async (id) => {
      if (running !== null) throw doctorRunning();
      const check = memory.state.checks.find((one) => one.id === id);
      if (check === undefined) throw checkUnknown(id);
      if (!check.fixable) throw notFixable(id, check.fix);
      if (id === 'images' && components.images !== undefined) {
        const removed = await removeOverQuota(components.images);
        if (removed > 0)
          addFixed(`Removed ${removed === 1 ? 'an image' : `${removed} images`} that no job has used for longest.`);
      } else if (id === 'engine' || id === 'rights') await startUserPodman();
      // Another may have begun meanwhile. What is left behind is removed by looking again.
      if (running === null) begin();
      return state();
    },
  };
};
