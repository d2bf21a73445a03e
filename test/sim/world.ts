import { encodeGenesis, networkOf } from '../../main/kernel/consensus/formats/genesis.ts';
import { sortValidators } from '../../main/kernel/consensus/formats/validators.ts';
import type { Application, ConsensusParams, Genesis, Validator } from '../../main/kernel/consensus/interface.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { createClients, type Clients } from './clients.ts';
import { createComputer, type Computer, type Life } from './computer.ts';
import { createDraw } from './draw.ts';
import { ECONOMIES, type Economy } from './economy.ts';
import { createJudge, hexOf, Violation, type Judge } from './judge.ts';
import { keysOf, sealVote } from './keys.ts';
import { createSimNetwork } from './network.ts';
import { drawPlan, type Plan, type PlanOptions } from './plan.ts';
import { createTrace } from './trace.ts';
import { createVirtualTime } from './virtual-time.ts';
import { createWeather } from './weather.ts';

/** What came of a seed. */
export interface RunResult {
  seed: number;
  /** The rule that was broken, and how; null: all held. */
  violation: string | null;
  /** Of everything that happened, in its order. */
  trace: string;
  virtualMs: number;
  heights: number;
  /** Rounds beyond the first of each height. */
  rounds: number;
  transactions: number;
  /** Liars that were punished. */
  punished: number;
  events: number;
  lies: readonly string[];
}
export interface RunOptions extends PlanOptions {
  /** Gets a line for everything that happens. */
  print?: (line: string) => void;
}

const START_MS = Date.UTC(2026, 0, 5);
/** Between two looks at whether everybody has recovered. */
const LOOK_MS = 200;
/** Clocks are off by two seconds and two hundredths at most, and a block may be ahead by `clockAheadMs`. */
const CLOCKS_OFF_MS = 8_000;
const PARAMS: ConsensusParams = {
  blockBytesMax: 64 * 1024,
  transactionsMax: 200,
  heartbeatMs: 1_000,
  proposeMs: 300,
  voteMs: 150,
  growMs: 100,
  commitMs: 50,
  clockAheadMs: 1_500,
  evidenceBlocksMax: 1_000,
};
/** A network that stands still for so long after everything works again makes owners read what their nodes say. */
const OWNERS_LOOK_MS = 3_000;
/** Blocks that have to follow what was there when the network healed. */
const PROGRESS = 2;

const genesisOf = (plan: Plan, economy: Economy): Genesis => {
  const validators: Validator[] = plan.nodes
    .filter(({ power }) => power > 0)
    .map(({ name, power }) => ({ ...keysOf(name), power }))
    .map(({ id, keys, power }) => ({ id, keys, power }));
  return {
    version: 1,
    name: 'simulation',
    nonce: createDraw(plan.seed, 7).bytes(32),
    createdAtMs: START_MS,
    validators: sortValidators(validators),
    params: PARAMS,
    app: economy.genesis(plan),
  };
};

/** Lets one seed happen from its beginning to its end. Never rejects: what goes wrong is the result. */
export const runSeed = async (seed: number, options: RunOptions = {}): Promise<RunResult> => {
  const plan = drawPlan(seed, options);
  const time = createVirtualTime();
  const trace = createTrace(options.print ?? null);
  const draw = createDraw(seed, 2);
  let violation: string | null = null;
  const broken = (error: unknown): void => {
    violation ??=
      error instanceof Violation
        ? error.message
        : `bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  };
  const note = (kind: string, who: string, detail: string): void => trace.add(time.nowMs, kind, who, detail);
  const failed = (node: string, what: string, error: unknown): void => {
    broken(
      new Violation(`${what}: ${node}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    );
  };
  // Errors that nobody catches: of listeners, and of promises that nobody waits for.
  process.on('uncaughtException', broken);
  process.on('unhandledRejection', broken);
  const guarded = <T>(what: () => T): T | undefined => {
    try {
      return what();
    } catch (error) {
      broken(error);
      return undefined;
    }
  };

  const economy = ECONOMIES.find(({ name }) => name === plan.economy)!;
  const app: Application = economy.createApp();
  const genesis = genesisOf(plan, economy);
  const network = networkOf(encodeGenesis(genesis));
  const computers: Computer[] = [];
  const honest = plan.nodes.filter(({ lies }) => lies.length === 0);
  const judge: Judge = await createJudge({
    genesis,
    network,
    app,
    honest: new Set(honest.map(({ name }) => keysOf(name).hex)),
    audit: economy.audit,
    latestMs: () => START_MS + time.nowMs + CLOCKS_OFF_MS,
    note,
  });
  const lines = createSimNetwork({
    time,
    draw: draw.fork(),
    note: (kind, from, to, bytes) => trace.bytes(time.nowMs, kind, from, to, bytes),
  });
  let judging: Promise<void> = Promise.resolve();
  for (const node of plan.nodes) {
    const peers = plan.mesh?.get(node.name) ?? plan.nodes.map(({ name }) => name).filter((name) => name !== node.name);
    computers.push(
      createComputer(
        {
          time,
          draw: draw.fork(),
          network: lines,
          logger: createSilentLogger(),
          genesis,
          app: economy.createApp(),
          judge,
          note,
          failed,
          onFinal: (computer, block) => {
            judging = judging.then(() => judge.final(computer.plan.name, block)).catch(broken);
          },
          liar: {
            others: plan.nodes.filter(({ name }) => name !== node.name).map(({ name }) => keysOf(name).id),
            peers,
            victim: keysOf('c0').id,
            mint: (state) => economy.mint(state, node.name),
            sealVote: (content) => sealVote(keysOf(node.name), content),
          },
        },
        {
          plan: node,
          keys: keysOf(node.name),
          startMs: START_MS,
          snapshotBehind: plan.snapshotBehind,
          snapshotEvery: plan.snapshotEvery,
          peers,
        },
      ),
    );
  }
  const clients: Clients = createClients({
    time,
    draw: draw.fork(),
    computers,
    judge,
    network,
    economy,
    startMs: START_MS,
    everyMs: plan.transactionEveryMs,
    broken,
    note,
  });
  const weather = createWeather({
    time,
    network: lines,
    computers,
    vote: (kind, computer) => clients.vote(kind, computer),
    failed,
    note,
  });
  for (const computer of computers) time.after(computer.plan.startMs, () => computer.start());
  weather.plan(plan.faults);
  for (const computer of computers)
    if (computer.plan.lies.includes('amnesia'))
      for (let atMs = 700; atMs < plan.healMs; atMs += draw.between(500, 2_500)) {
        time.after(atMs, () => {
          computer.crash();
          time.after(30, () => computer.start());
        });
      }
  clients.begin();

  const goesOn = (): boolean => violation === null;
  const isHonestLife = ({ isHonest }: Computer): boolean => isHonest;
  try {
    await time.run(plan.healMs, goesOn);
    if (goesOn()) {
      guarded(() => weather.heal());
      note('heal', 'world', `${judge.height}`);
      clients.end();
      const goal =
        Math.max(judge.height, ...computers.map(({ disks }) => Math.max(...disks.map(({ height }) => height)))) +
        PROGRESS;
      // Restarted processes get a moment to be there before they are asked for something.
      await time.run(plan.healMs + 300, goesOn);
      const lag = (): string | null => {
        for (const computer of computers.filter(isHonestLife)) {
          const life: Life | null = computer.life();
          const { name } = computer.plan;
          if (life === null || !life.isUp) return `${name} is not up`;
          const status = life.replica.status();
          if (status.height < goal)
            return `${name} is at height ${status.height}/${status.round} ${status.step} (${status.sync.state}${status.halted === null ? '' : `, ${status.halted}`}) and should be at ${goal}`;
          const known = judge.hashAt(status.height);
          if (known !== undefined && status.hash !== null && Buffer.compare(known, status.hash) !== 0)
            return `${name} has another block at ${status.height}`;
        }
        for (const computer of computers.filter(isHonestLife))
          for (const liar of computer.life()?.found ?? [])
            if (!judge.isPunished(liar) && isSeated(app, judge, liar))
              return `${computer.plan.name} has evidence against a liar that did not become final`;
        return clients.pending();
      };
      // A new validator is silent until a block that its disk saw made; where none can be made without it, its owner knows that its
      // identity has signed nowhere else, and says so.
      time.after(OWNERS_LOOK_MS, () => {
        if (judge.height >= goal) return;
        for (const { plan: node, isHonest, life } of computers) {
          const { replica, isUp } = life() ?? { replica: null, isUp: false };
          if (!isHonest || !isUp || replica === null || replica.status().silent === null) continue;
          note('vouch', node.name, '');
          replica.vouch().catch((error: unknown) => failed(node.name, 'vouch', error));
        }
      });
      let problem: string | null = 'not looked yet';
      while (goesOn() && problem !== null && time.nowMs < plan.healMs + plan.recoveryMs) {
        clients.probe();
        await time.run(time.nowMs + LOOK_MS, goesOn);
        await judging;
        problem = lag();
      }
      if (goesOn() && problem !== null)
        broken(new Violation(`liveness: ${plan.recoveryMs} ms after the network healed, ${problem}`));
    }
    await judging;
  } catch (error) {
    broken(error);
  } finally {
    for (const computer of computers) guarded(() => computer.crash());
    // What is left of dead processes settles before the next seed begins.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtException', broken);
    process.off('unhandledRejection', broken);
  }
  if (violation !== null) note('violation', 'world', violation);
  return {
    seed,
    violation,
    trace: trace.digest(),
    virtualMs: time.nowMs,
    heights: judge.height,
    rounds: judge.rounds,
    transactions: judge.transactions,
    punished: judge.evidence,
    events: time.fired,
    lies: plan.nodes.flatMap(({ lies }) => lies),
  };
};

const isSeated = (app: Application, judge: Judge, liar: string): boolean =>
  app.validators(judge.state()).some(({ id }) => hexOf(id) === liar);
