import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import type { LeaseId, ProvidedLease } from '../../../../../main/kernel/leases/index.ts';
import type { MemoryClient } from '../../../../../main/kernel/proxy/memory/client.ts';
import { MEMORY_PROTOCOL } from '../../../../../main/kernel/proxy/memory/constants.ts';
import {
  decodeOpeningAnswer,
  encodeOpening,
  OPERATIONS,
  putRequest,
  readAnswer,
  STATUSES,
} from '../../../../../main/kernel/proxy/memory/protocol.ts';
import { readMessage, type Stream, writeMessage } from '../../../../../main/transport/stoq/index.ts';
import { createMemoryWorld, leaseOf, type MemoryWorld, type WorldNode } from '../../../../support/far-memory.ts';

const SIZE = 1_000_000;
let world: MemoryWorld;
let lender: WorldNode;
let borrower: WorldNode;
let stranger: WorldNode;
const ends: (() => Promise<void> | void)[] = [];
let leases = 0;

beforeAll(async () => {
  world = await createMemoryWorld(3);
  [lender, borrower, stranger] = world.nodes as [WorldNode, WorldNode, WorldNode];
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  // Every broken stream costs standing, as it should; the next test is another day.
  lender.stoq.book.unban(borrower.stoq.peerId);
});
afterAll(() => world.stop());

const lent = async (
  deadlineMs?: number,
  to = borrower,
): Promise<{ id: LeaseId; client: MemoryClient; provided: ProvidedLease }> => {
  const id = leaseOf((leases += 1));
  const provided = await lender.lend(to, id, SIZE);
  const client = to.clientOf(lender, id, deadlineMs);
  ends.push(
    () => client.close(),
    () => provided.stop('over'),
  );
  return { id, client, provided };
};
/** A stream whose opening was answered, and nothing else. */
const rawStream = async (id: LeaseId, from = borrower): Promise<{ stream: Stream; ok: boolean }> => {
  const link = await from.linkTo(lender);
  const stream = await link.openStream(MEMORY_PROTOCOL);
  ends.push(() => stream.reset());
  await writeMessage(stream, encodeOpening({ lease: id, session: new Uint8Array(16).fill(9), answered: 0 }));
  const answer = decodeOpeningAnswer((await readMessage(stream)) as Uint8Array);
  return { stream, ok: answer.ok };
};
const request = (
  operation: number,
  offset: bigint,
  length: number,
  sequence = 1n,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array => {
  const header = Buffer.alloc(24);
  header[0] = operation;
  header.writeUInt32BE(length, 4);
  header.writeBigUInt64BE(sequence, 8);
  header.writeBigUInt64BE(BigInt.asUintN(64, offset), 16);
  return Buffer.concat([header, payload]);
};
const answerOf = async (stream: Stream): Promise<ReturnType<typeof readAnswer>> =>
  readAnswer((await stream.read(16)) as Uint8Array);

describe('far memory over a link', () => {
  it('is zero, and keeps what was written, over seams and in all sizes', async () => {
    const { client, provided } = await lent();
    expect(await client.open()).toBe(SIZE);
    expect(Buffer.compare(await client.read(0, SIZE), new Uint8Array(SIZE))).toBe(0);
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff);
    await client.write(12_345, bytes);
    await client.write(SIZE - 3, Uint8Array.of(1, 2, 3));
    expect(Buffer.compare(await client.read(12_345, bytes.length), bytes)).toBe(0);
    expect(Buffer.from(await client.read(12_344, 66)).equals(Buffer.from([0, ...bytes.subarray(0, 65)]))).toBe(true);
    expect([...(await client.read(SIZE - 4, 4))]).toEqual([0, 1, 2, 3]);
    const { used, sentBytes, receivedBytes } = provided.use();
    expect(used).toBe(SIZE);
    expect(sentBytes).toBeGreaterThan(SIZE + bytes.length);
    expect(receivedBytes).toBeGreaterThan(bytes.length);
  });

  it('does many operations at once, in order', async () => {
    const { client } = await lent();
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 2000; i++) work.push(client.write((i % 7) * 100, Uint8Array.of(i >> 8, i)));
    work.push(client.read(0, 602));
    const seen = (await Promise.all(work)).at(-1) as Uint8Array;
    for (let at = 0; at < 7; at++) {
      const last = 2000 - 1 - ((1999 - at) % 7);
      expect((seen[at * 100] ?? 0) * 256 + (seen[at * 100 + 1] ?? 0)).toBe(last);
    }
  });

  it('swaps where the bytes are as expected, and says what was there where not', async () => {
    const { client } = await lent();
    const zero = new Uint8Array(8);
    const one = new Uint8Array(8).fill(1);
    expect(await client.swap(96, zero, one)).toEqual({ swapped: true, found: zero });
    const { swapped, found } = await client.swap(96, zero, one);
    expect([swapped, ...found]).toEqual([false, ...one]);
  });

  it('lets one of many swaps win', async () => {
    const { client } = await lent();
    const mine = Array.from({ length: 40 }, (_, i) => new Uint8Array(8).fill(i + 1));
    const outcomes = await Promise.all(mine.map((bytes) => client.swap(0, new Uint8Array(8), bytes)));
    expect(outcomes.filter(({ swapped }) => swapped)).toHaveLength(1);
  });

  it('refuses what lies outside, and goes on', async () => {
    const { client } = await lent();
    for (const [offset, length] of [
      [SIZE, 1],
      [SIZE - 1, 2],
      [2 ** 52, 1],
      [0, 8 * 2 ** 20],
    ] as const)
      await expect(client.read(offset, length)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(client.write(SIZE - 10, new Uint8Array(70_000))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(client.swap(SIZE - 4, new Uint8Array(8), new Uint8Array(8))).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
    });
    await client.write(0, Uint8Array.of(5));
    expect([...(await client.read(0, 1))]).toEqual([5]);
  });

  it.each([-1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('refuses the offset %s on the wire', async (offset) => {
    const { stream } = await rawStream((await lent()).id);
    await stream.write(request(OPERATIONS.read, offset, 1));
    expect(await answerOf(stream)).toEqual({ status: STATUSES.outOfRange, length: 0, sequence: 1 });
    await stream.write(request(OPERATIONS.write, offset, 3, 2n, Uint8Array.of(1, 2, 3)));
    expect(await answerOf(stream)).toEqual({ status: STATUSES.outOfRange, length: 0, sequence: 2 });
  });

  it.each([
    ['an operation that there is not', request(9, 0n, 1)],
    ['flags that there are not', Uint8Array.from(request(OPERATIONS.read, 0n, 1), (b, i) => (i === 2 ? 1 : b))],
    ['a read of nothing', request(OPERATIONS.read, 0n, 0)],
    ['a read of more than 8 MiB', request(OPERATIONS.read, 0n, 8 * 2 ** 20 + 1)],
    ['a write of 2^32 - 1 bytes', request(OPERATIONS.write, 0n, 2 ** 32 - 1)],
    ['a swap of seven bytes', request(OPERATIONS.swap, 0n, 7)],
    ['a swap of 65 bytes', request(OPERATIONS.swap, 0n, 65)],
    ['a number that no number is', request(OPERATIONS.read, 0n, 1, 2n ** 60n)],
    ['numbers that do not ascend', Buffer.concat([request(1, 0n, 1, 5n), request(1, 0n, 1, 5n)])],
  ])('ends a stream that sends %s, and no other', async (_, bytes) => {
    const other = await lent(15_000, stranger);
    const { id } = await lent();
    const { stream } = await rawStream(id);
    await stream.write(bytes);
    await expect(
      (async () => {
        while ((await stream.read()) !== null);
      })(),
    ).rejects.toMatchObject({ code: 'RESET' });
    expect(await other.client.open()).toBe(SIZE);
  });

  it('does nothing of a write that is cut short', async () => {
    const { id, client } = await lent();
    const { stream } = await rawStream(id);
    await stream.write(request(OPERATIONS.write, 0n, 100_000, 1n, new Uint8Array(90_000).fill(1)));
    await stream.finish();
    await expect(stream.read()).rejects.toMatchObject({ code: 'RESET' });
    expect(Buffer.compare(await client.read(0, 100_000), new Uint8Array(100_000))).toBe(0);
  });

  it.each([
    ['no dag-cbor', Uint8Array.of(255)],
    ['a list', encodeCbor([1])],
    ['another version', encodeCbor({ v: 2, lease: leaseOf(1), session: new Uint8Array(16), answered: 0 })],
    ['no session', encodeCbor({ v: 1, lease: leaseOf(1), session: new Uint8Array(3), answered: 0 })],
    ['one field more', encodeCbor({ v: 1, lease: leaseOf(1), session: new Uint8Array(16), answered: 0, x: 1 })],
    ['no lease', encodeCbor({ v: 1, lease: 'lease-1', session: new Uint8Array(16), answered: 0 })],
    ['a number below zero', encodeCbor({ v: 1, lease: leaseOf(1), session: new Uint8Array(16), answered: -1 })],
  ])('ends a stream whose opening is %s', async (_, bytes) => {
    const stream = await (await borrower.linkTo(lender)).openStream(MEMORY_PROTOCOL);
    await writeMessage(stream, bytes);
    await expect(stream.read()).rejects.toMatchObject({ code: 'RESET' });
  });

  it('serves nobody but the borrower, and tells nobody else what there is', async () => {
    const { id } = await lent();
    const answers: unknown[] = [];
    for (const [from, lease] of [
      [stranger, id],
      [stranger, leaseOf(999_999)],
      [borrower, leaseOf(999_999)],
    ] as const) {
      const stream = await (await from.linkTo(lender)).openStream(MEMORY_PROTOCOL);
      await writeMessage(stream, encodeOpening({ lease, session: new Uint8Array(16), answered: 0 }));
      answers.push(decodeOpeningAnswer((await readMessage(stream)) as Uint8Array));
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ ok: false, code: 'NOT_YOURS' });
    await expect(stranger.clientOf(lender, id).open()).rejects.toMatchObject({ code: 'LEASE_OVER' });
  });

  it('ends with the lease, whatever is under way', async () => {
    const { client, provided } = await lent();
    await client.write(0, new Uint8Array(1000).fill(7));
    const under = Promise.allSettled(Array.from({ length: 50 }, () => client.read(0, 500_000)));
    await provided.stop('the level fell');
    await provided.stop('again');
    const outcomes = await under;
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    for (const reason of reasons) expect(reason).toMatchObject({ code: 'LEASE_OVER' });
    await expect(client.read(0, 1)).rejects.toMatchObject({ code: 'LEASE_OVER' });
    expect(provided.use().used).toBe(0);
  });

  it('waits while the lease pauses, and goes on after', async () => {
    const { client, provided } = await lent();
    await client.write(0, Uint8Array.of(1));
    provided.setEffective(0);
    let done = false;
    const write = client.write(0, Uint8Array.of(2)).then(() => (done = true));
    await world.outside.clock.sleep(300);
    expect(done).toBe(false);
    provided.setEffective(SIZE);
    await write;
    expect([...(await client.read(0, 1))]).toEqual([2]);
  });

  it('gives up on a pause that does not end', async () => {
    const { client, provided } = await lent(600);
    await client.open();
    provided.setEffective(0);
    await expect(client.read(0, 1)).rejects.toMatchObject({ code: 'LENDER_AWAY' });
  });

  it('goes on after the connection broke, with everything done and swaps done once', async () => {
    const { client } = await lent();
    await client.open();
    let counter = 0;
    const work: Promise<unknown>[] = [];
    const numberOf = (value: number): Uint8Array => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(value, 4);
      return bytes;
    };
    let breaks = 0;
    for (let i = 0; i < 300; i++) {
      work.push(
        client.swap(0, numberOf(counter), numberOf(counter + 1)).then(({ swapped }) => {
          expect(swapped).toBe(true);
        }),
        client.write(1000 + i, Uint8Array.of(i & 0xff)),
      );
      counter += 1;
      if (i % 60 === 30) {
        await Promise.race([work.at(-2), world.outside.clock.sleep(2)]);
        const connection = borrower.stoq.endpoint.connection(lender.stoq.peerId);
        breaks += 1;
        void connection?.close();
      }
    }
    await Promise.all(work);
    expect(breaks).toBe(5);
    expect([...(await client.read(0, 8))]).toEqual([...numberOf(300)]);
    expect(new Uint8Array(await client.read(1000, 300))).toEqual(Uint8Array.from({ length: 300 }, (_, i) => i & 0xff));
  });

  it('says that the lender is away when it does not answer', async () => {
    const { client } = await lent(400);
    await client.write(0, Uint8Array.of(3));
    const heal = world.network.partition([lender.name], [borrower.name]);
    const began = world.outside.clock.monotonicMs();
    await expect(client.read(0, 1)).rejects.toMatchObject({ code: 'LENDER_AWAY' });
    expect(world.outside.clock.monotonicMs() - began).toBeLessThan(3000);
    heal();
    void borrower.stoq.endpoint.connection(lender.stoq.peerId)?.close();
    await expect
      .poll(
        () =>
          client.read(0, 1).then(
            ([byte]) => byte,
            () => null,
          ),
        { timeout: 10_000 },
      )
      .toBe(3);
  });

  it('answers nobody after it was closed', async () => {
    const { client } = await lent();
    await client.open();
    client.close();
    await expect(client.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('writes headers as the format has them', () => {
    const header = Buffer.alloc(24);
    putRequest(header, 0, { operation: OPERATIONS.swap, length: 8, sequence: 2 ** 40 + 1, offset: 2 ** 33 });
    expect(header.toString('hex')).toBe('030000000000000800000100000000010000000200000000');
  });
});
