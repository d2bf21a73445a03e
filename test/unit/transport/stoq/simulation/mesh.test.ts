import { describe, expect, it } from 'vitest';
import { type Character, type Simulation, withSimulation } from '../../../../support/stoq/simulation.ts';

const honest = (count: number): Character[] => Array.from({ length: count }, () => 'honest');
const LINK = { delayMs: 20, jitterMs: 10, lossRatio: 0.02, reorderRatio: 0.02 };

/** Nodes join, a partition comes and heals, one crashes and comes back; liars lie all the time. */
const story = async (simulation: Simulation): Promise<void> => {
  const { nodes, network } = simulation;
  for (const { number } of nodes) {
    await simulation.start(number);
    await simulation.run(200);
  }
  await simulation.run(10_000);
  simulation.checkInvariants();
  const names = nodes.map(({ name }) => name);
  const heal = network.partition(names.slice(0, names.length / 2), names.slice(names.length / 2));
  await simulation.run(15_000);
  simulation.checkInvariants();
  heal();
  await simulation.crash(3);
  await simulation.run(12_000);
  await simulation.start(3);
  await simulation.run(10_000);
  simulation.checkInvariants();
};
const pairsOf = ({ nodes }: Simulation): [number, number][] => {
  const real = nodes.filter(({ character }) => character !== 'impostor').map(({ number }) => number);
  return real.flatMap((one) => real.filter((other) => other > one).map((other): [number, number] => [one, other]));
};

describe('a mesh of nodes', () => {
  it('comes together, through partition, crash and lies, and every pair can connect', {
    timeout: 120_000,
  }, async () => {
    const characters: Character[] = [...honest(4), 'record', 'address', 'impostor'];
    let connected = 0;
    const { timersLeft } = await withSimulation({ seed: 1, characters, ...LINK }, async (simulation) => {
      await story(simulation);
      for (const [one, other] of pairsOf(simulation)) {
        await simulation.connect(one, other);
        connected += 1;
      }
      simulation.checkInvariants();
      // Whoever tells of peers what they never signed loses standing with those who heard it.
      const liar = simulation.nodes.find(({ character }) => character === 'record')?.peer.local.peerId;
      const heard = simulation.nodes.filter(
        ({ running }) => liar !== undefined && (running?.node.book.get(liar)?.lastOffence ?? null) !== null,
      );
      expect(heard.length).toBeGreaterThan(0);
      const impostor = simulation.nodes.at(-1)?.running;
      expect(impostor?.node.endpoint.connections()).toEqual([]);
    });
    expect(connected).toBe((6 * 5) / 2);
    expect(timersLeft).toBe(0);
  });

  it('replays by its seed', { timeout: 120_000 }, async () => {
    const runOnce = (seed: number) => withSimulation({ seed, characters: honest(4), ...LINK }, story);
    const first = await runOnce(2);
    expect((await runOnce(2)).hash).toBe(first.hash);
    expect((await runOnce(3)).hash).not.toBe(first.hash);
  });
});
