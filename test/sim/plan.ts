import { createDraw, type Draw } from './draw.ts';

/** What a liar does; one of them does several of these. */
export type Lie =
  /** Two processes with one key, each before its own half of the others: contradicts itself in every way there is. */
  | 'twins'
  /** Signs the opposite for every other peer. */
  | 'equivocate'
  /** Forgets what it signed whenever it starts again: breaks its locks. */
  | 'amnesia'
  /** Sends its own votes and proposals to some, or to nobody. */
  | 'withhold'
  /** Blocks whose state root, times, money or next validators are wrong. */
  | 'invalid-blocks'
  /** Signatures that do not hold, and other names on its own. */
  | 'forge'
  /** Sends again what it ever heard, also from other networks. */
  | 'replay'
  /** Answers questions with other bytes: changed, cut off, of another height. */
  | 'false-answers'
  /** A great deal of anything. */
  | 'flood'
  /** Transactions of one account pass it by. */
  | 'censor';
export const LIES: readonly Lie[] = [
  'twins',
  'equivocate',
  'amnesia',
  'withhold',
  'invalid-blocks',
  'forge',
  'replay',
  'false-answers',
  'flood',
  'censor',
];

/** Those that hurt most come more often. */
const DRAWN_LIES: readonly Lie[] = [...LIES, 'invalid-blocks', 'invalid-blocks', 'twins', 'false-answers'];

export interface NodePlan {
  name: string;
  /** Voting power at the beginning; 0: it follows. */
  power: number;
  /** May join with this power later on. */
  candidate: number;
  lies: readonly Lie[];
  driftPpm: number;
  /** First start. */
  startMs: number;
  writeMs: readonly [from: number, to: number];
}

export type Fault =
  /** `wipes`: comes back with an empty disk, where that is no lie. `isOrderly`: is asked to stop instead. */
  | { kind: 'crash'; node: string; forMs: number; wipes: boolean; isOrderly: boolean }
  | { kind: 'crash-all'; forMs: number }
  /** Nobody hears anybody of another island. */
  | { kind: 'islands'; islands: readonly (readonly string[])[]; forMs: number }
  | { kind: 'one-way'; from: string; to: string; forMs: number }
  | { kind: 'deaf' | 'mute'; node: string; forMs: number }
  | { kind: 'slow-link'; from: string; to: string; delayMs: number; bytesPerMs: number; forMs: number }
  | {
      kind: 'weather';
      lossPermille: number;
      duplicatePermille: number;
      isUnordered: boolean;
      delayMs: number;
      forMs: number;
    }
  | { kind: 'clock'; node: string; byMs: number }
  | { kind: 'slow-disk'; node: string; writeMs: number; forMs: number }
  | { kind: 'full-disk'; node: string; forMs: number }
  | { kind: 'leave' | 'join'; node: string };

export interface Plan {
  seed: number;
  economy: 'accounts' | 'caesar';
  nodes: readonly NodePlan[];
  faults: readonly { atMs: number; fault: Fault }[];
  /** From here on everything works again, but for the liars. */
  healMs: number;
  /** Everybody honest makes progress and agrees within so long after that. */
  recoveryMs: number;
  /** Mean pause between two transactions of the clients. */
  transactionEveryMs: number;
  /** Which peers each talks with; others hear by relay. Null: everybody with everybody. */
  mesh: ReadonlyMap<string, readonly string[]> | null;
  /** Further behind than this, a snapshot is asked for. */
  snapshotBehind: number;
  /** States of heights that this divides are kept for those who ask. */
  snapshotEvery: number;
}
export interface PlanOptions {
  nodes?: number;
}

const others = (names: readonly string[], name: string): string[] => names.filter((one) => one !== name);

const drawFault = (draw: Draw, names: readonly string[], healMs: number): Fault => {
  const forMs = draw.between(300, Math.max(400, Math.floor(healMs / 3)));
  const node = draw.pick(names);
  switch (draw.below(13)) {
    case 0:
    case 1:
    case 2:
      return {
        kind: 'crash',
        node,
        forMs: draw.chance(500) ? draw.between(50, 500) : forMs,
        wipes: draw.chance(60),
        isOrderly: draw.chance(200),
      };
    case 3:
      return { kind: 'crash-all', forMs: draw.between(50, 1500) };
    case 4:
    case 5: {
      const mixed = draw.shuffled(names);
      const cut = draw.between(1, Math.max(1, mixed.length - 1));
      const islands = draw.chance(200) ? mixed.map((name) => [name]) : [mixed.slice(0, cut), mixed.slice(cut)];
      return { kind: 'islands', islands, forMs };
    }
    case 6:
      return { kind: 'one-way', from: node, to: draw.pick(others(names, node)), forMs };
    case 7:
      return { kind: draw.chance(500) ? 'deaf' : 'mute', node, forMs };
    case 8:
      return {
        kind: 'slow-link',
        from: node,
        to: draw.pick(others(names, node)),
        delayMs: draw.between(50, 1500),
        bytesPerMs: draw.chance(300) ? draw.between(2, 50) : Infinity,
        forMs,
      };
    case 9:
    case 10:
      return {
        kind: 'weather',
        lossPermille: draw.chance(700) ? draw.between(10, 400) : 0,
        duplicatePermille: draw.chance(500) ? draw.between(10, 300) : 0,
        isUnordered: draw.chance(500),
        delayMs: draw.chance(500) ? draw.between(20, 400) : 12,
        forMs,
      };
    case 11:
      return { kind: 'clock', node, byMs: draw.between(-2000, 2000) };
    default:
      return draw.chance(600)
        ? { kind: 'slow-disk', node, writeMs: draw.between(20, 400), forMs }
        : { kind: 'full-disk', node, forMs };
  }
};

/** The world of a seed: everything that is decided before it begins. */
export const drawPlan = (seed: number, options: PlanOptions = {}): Plan => {
  const draw = createDraw(seed, 1);
  const count = options.nodes ?? draw.pick([3, 4, 4, 4, 4, 4, 4, 5, 5, 6, 7]);
  const names = Array.from({ length: count }, (_, i) => `n${i}`);
  const followers = count > 3 && draw.chance(350) ? 1 : 0;
  const isEven = draw.chance(600);
  const powers = names.map((_, i) => (i >= count - followers ? 0 : isEven ? 10 : draw.between(1, 30)));
  // Who of the validators may leave or join: the liars' share is less than a third without any of these.
  const movable = new Set(count - followers > 4 && draw.chance(400) ? [draw.below(count - followers)] : []);
  const firm = powers.reduce((sum, power, i) => sum + (movable.has(i) ? 0 : power), 0);
  const lies = new Map<number, readonly Lie[]>();
  if (draw.chance(650)) {
    let lying = 0;
    for (const i of draw.shuffled(names.map((_, index) => index))) {
      const power = powers[i]!;
      // Followers may lie as they like.
      if (movable.has(i) || (lying + power) * 3 >= firm || (power === 0 && draw.chance(500))) continue;
      lying += power;
      const kinds = draw.chance(400) ? 1 : draw.between(1, 3);
      lies.set(i, [...new Set(draw.shuffled(DRAWN_LIES).slice(0, kinds))]);
      if (draw.chance(400)) break;
    }
  }
  const healMs = draw.between(2_500, 6_500);
  const faults: { atMs: number; fault: Fault }[] = [];
  const faultCount = draw.chance(100) ? 0 : draw.between(1, 7);
  for (let i = 0; i < faultCount; i++)
    faults.push({ atMs: draw.between(100, healMs - 500), fault: drawFault(draw, names, healMs) });
  for (const i of movable) {
    const node = names[i]!;
    const atMs = draw.between(500, healMs - 1500);
    faults.push({ atMs, fault: { kind: 'leave', node } });
    if (draw.chance(600)) faults.push({ atMs: atMs + draw.between(400, 1500), fault: { kind: 'join', node } });
  }
  // Somebody honest is away while the others go on. Liars wait for the one who will have to ask, and are the only ones there at first.
  const snapshotBehind = draw.chance(600) ? draw.between(1, 4) : 500;
  const total = powers.reduce((sum, power) => sum + power, 0);
  const absent = names.filter((_, i) => !lies.has(i) && !movable.has(i) && powers[i]! * 3 < total);
  const isAwaited = snapshotBehind < 500 && absent.length > 0 && draw.chance(600);
  if (isAwaited) {
    const node = draw.pick(absent);
    const atMs = draw.between(300, 900);
    const backMs = draw.between(Math.floor(healMs / 2), healMs);
    const forMs = backMs - atMs;
    faults.push({ atMs, fault: { kind: 'crash', node, forMs, wipes: false, isOrderly: draw.chance(200) } });
    for (const [i, told] of lies) if (draw.chance(500)) lies.set(i, [...new Set<Lie>([...told, 'false-answers'])]);
    if (lies.size > 0 && draw.chance(700)) {
      const aloneMs = draw.between(200, 1_500);
      for (const other of names.filter((name, i) => name !== node && !lies.has(i)))
        for (const [from, to] of [
          [node, other],
          [other, node],
        ] as const)
          faults.push({ atMs: backMs - 50, fault: { kind: 'one-way', from, to, forMs: aloneMs } });
    }
  }
  const nodes = names.map((name, i): NodePlan => {
    const isLate = powers[i] === 0 && draw.chance(600);
    return {
      name,
      power: powers[i]!,
      candidate: powers[i] === 0 && !lies.has(i) && draw.chance(500) ? draw.between(1, 10) : 0,
      lies: lies.get(i) ?? [],
      driftPpm: draw.chance(500) ? draw.between(-20_000, 20_000) : 0,
      startMs: isLate ? draw.between(1_500, healMs) : draw.between(0, 300),
      writeMs: draw.chance(800) ? [0, 2] : [2, 30],
    };
  });
  for (const { name, candidate } of nodes)
    if (candidate > 0) faults.push({ atMs: draw.between(500, healMs - 500), fault: { kind: 'join', node: name } });
  return {
    seed,
    economy: draw.chance(500) ? 'caesar' : 'accounts',
    nodes,
    faults: faults.sort((one, other) => one.atMs - other.atMs),
    healMs,
    recoveryMs: 30_000,
    transactionEveryMs: draw.pick(isAwaited ? [60, 150] : [60, 150, 400, 1200]),
    mesh: count >= 5 && draw.chance(300) ? drawMesh(draw, names, (name) => !lies.has(names.indexOf(name))) : null,
    snapshotBehind,
    snapshotEvery: draw.between(1, 4),
  };
};

/** A ring, and some chords: whoever is left out of it hears through others only. Null where liars stand between the honest. */
const drawMesh = (
  draw: Draw,
  names: readonly string[],
  isHonest: (name: string) => boolean,
): Map<string, string[]> | null => {
  const mixed = draw.shuffled(names);
  const mesh = new Map(names.map((name): [string, string[]] => [name, []]));
  const tie = (one: string, other: string): void => {
    if (one === other || mesh.get(one)!.includes(other)) return;
    mesh.get(one)!.push(other);
    mesh.get(other)!.push(one);
  };
  mixed.forEach((name, i) => tie(name, mixed[(i + 1) % mixed.length]!));
  for (let i = draw.below(names.length); i > 0; i--) tie(draw.pick(names), draw.pick(names));
  const honest = names.filter(isHonest);
  const reached = new Set(honest.slice(0, 1));
  for (const name of reached) for (const next of mesh.get(name)!) if (isHonest(next)) reached.add(next);
  return reached.size === honest.length ? mesh : null;
};
