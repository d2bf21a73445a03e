import { expect, test } from 'vitest';
import { createCircuitBuilder } from '../../../../../main/kernel/proxy/circuits/build-circuit.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createCircuitTown } from '../../../../support/proxy/circuit-world.ts';
import { createStoqWorkers } from '../../../../support/stoq/test-node.ts';

test('a session goes on for whoever began it, and for nobody who only knows its number', async () => {
  const { world, client, target, relays } = await createCircuitTown(2);
  const { clock } = world;
  const builder = createCircuitBuilder({
    outside: { clock, random: createSeededRandom(5) },
    workers: createStoqWorkers(),
    mesh: client.mesh,
    verifier: client.node.verifier,
  });
  const build = () =>
    clock.drive(
      builder.build(
        [...relays.map(({ peerId }) => peerId), target.peerId],
        new AbortController().signal,
        () => undefined,
      ),
    );
  const session = new Uint8Array(16).fill(3);
  const own = await build();
  expect(own.target.peerId).toBe(target.peerId);
  expect((await clock.drive(own.begin({ session, have: 0, proof: null }))).have).toBe(0);
  expect(target.circuits.stats().sessions).toBe(1);

  const refusals = [
    { begin: { session, have: 0, proof: new Uint8Array(32) }, reason: 'unknownSession' },
    { begin: { session, have: 0, proof: null }, reason: 'malformed' },
    { begin: { session: new Uint8Array(16), have: 0, proof: new Uint8Array(32) }, reason: 'unknownSession' },
    { begin: { session: new Uint8Array(16), have: 9, proof: null }, reason: 'malformed' },
  ];
  for (const { begin, reason } of refusals) {
    const other = await build();
    await expect(clock.drive(other.begin(begin))).rejects.toMatchObject({ code: 'CIRCUIT_REFUSED', data: { reason } });
    other.close();
  }
  // The one who began it did not notice.
  expect(target.circuits.stats().sessions).toBe(1);
  own.close();
  await clock.until(() => target.circuits.stats().sessions === 0, 'a session without a circuit is forgotten', 40_000);
  expect(relays.map(({ circuits }) => circuits.stats().relayed)).toEqual([0, 0]);
  await world.stop();
});
