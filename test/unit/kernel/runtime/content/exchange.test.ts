import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyId } from '../../../../../main/base/crypto/index.ts';
import { encodeCbor, type Store } from '../../../../../main/base/index.ts';
import type { Link, Links } from '../../../../../main/kernel/leases/index.ts';
import {
  ContentError,
  type ContentExchange,
  type ContentGate,
  type ContentStore,
  createContentExchange,
  createContentStore,
} from '../../../../../main/kernel/runtime/content/index.ts';
import {
  type ContentAnswer,
  CONTENT_PROTOCOL,
  type ContentQuestion,
  contentSpec,
  decodeContentAnswer,
  decodeContentQuestion,
  encodeContentMessage,
} from '../../../../../main/kernel/runtime/content/messages.ts';
import { readMessage, writeMessage } from '../../../../../main/transport/stoq/index.ts';
import type { PeerId, Stream } from '../../../../../main/transport/stoq/index.ts';
import { createLinkNet, type LinkNet } from '../../../../support/leases/fake-links.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { hashOf, inPieces } from '../../../../support/runtime/tar.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const SCOPE = 'job:job-0123456789abcdef';
const random = createSeededRandom(62);
const fill = (length: number): Uint8Array => Buffer.alloc(length, Buffer.from(random.bytes(61)));

interface Node {
  links: Links;
  content: ContentStore;
  exchange: ContentExchange & { stop(): Promise<void> };
  folder: string;
  store: Store;
}
let net: LinkNet;
let clock: ManualClock;
let near: Node;
let far: Node;
/** From near to far. */
let link: Link;

const start = async (name: string): Promise<Node> => {
  const links = net.node(name, { peerId: name as PeerId, keyId: name as KeyId });
  const folder = mkdtempSync(join(tmpdir(), 'hm-exchange-'));
  const store = await createMemoryStore(clock);
  const parts = { outside: { clock, random: createSeededRandom(1) }, logger: createSilentLogger(), metrics: null };
  const content = createContentStore({ ...parts, store }, { folder, bytesMax: 2 ** 24, freeBytesMin: 0 });
  await content.start();
  return { links, content, exchange: createContentExchange({ ...parts, links, content }), folder, store };
};
const end = async ({ content, exchange, folder, store }: Node): Promise<void> => {
  await exchange.stop();
  await content.stop();
  await store.close();
  rmSync(folder, { recursive: true });
};
const put = async ({ content }: Node, bytes: Uint8Array): Promise<{ sha256: string; bytes: number }> =>
  await content.put(inPieces(bytes), { expected: null, bytesMax: 2 ** 24 });
const open: ContentGate = { mayRead: () => true, mayWrite: () => 2 ** 24 };
const raw = (): Promise<Stream> => link.openStream(CONTENT_PROTOCOL);
const say = async (stream: Stream, question: ContentQuestion): Promise<ContentAnswer> => {
  await writeMessage(stream, encodeContentMessage(question));
  return decodeContentAnswer((await readMessage(stream)) ?? new Uint8Array());
};
const failureAtFar = async (): Promise<unknown> => {
  await expect.poll(() => net.failures.length).toBeGreaterThan(0);
  return net.failures.shift()?.error;
};
/** Bytes at far once nobody can go on any more; when the file is put aside, the disk decides. */
const nothingAfterAWhile = async (): Promise<number> => {
  await clock.advance(200_000);
  return far.content.usage().bytes;
};
/** In the place of far: answers as a test has it. */
const pretend = async (answer: (stream: Stream, question: ContentQuestion) => Promise<void>): Promise<void> => {
  await far.exchange.stop();
  far.links.handle(contentSpec, async (stream) => {
    await answer(stream, decodeContentQuestion((await readMessage(stream)) ?? new Uint8Array()));
  });
};

beforeEach(async () => {
  net = createLinkNet();
  clock = createManualClock();
  near = await start('near');
  far = await start('far');
  link = await near.links.open({ peer: 'far' as PeerId, route: 'direct' });
});
afterEach(async () => {
  await end(near);
  await end(far);
});

describe('sending and bringing', () => {
  it('carries what is missing, and says what was there', async () => {
    far.exchange.addGate(open);
    const files = await Promise.all([0, 1, 1000, 70_000, 1_000_000].map((length) => put(near, fill(length))));
    const again = fill(5000);
    await put(near, again);
    await put(far, again);
    let done = 0;
    const names = [...files.map(({ sha256 }) => sha256), hashOf(again)];
    expect(
      await near.exchange.send(link, SCOPE, [...names, ...names], { progress: (bytes) => (done = bytes) }),
    ).toEqual({ savedBytes: 5000 });
    expect(done).toBe(1_071_001);
    for (const { sha256, bytes } of files) expect(await far.content.sizeOf(sha256)).toBe(bytes);
    expect(await near.exchange.send(link, SCOPE, names, {})).toEqual({ savedBytes: 1_076_001 });
    expect(net.failures).toEqual([]);
  });

  it('brings what is not here', async () => {
    far.exchange.addGate(open);
    const files = await Promise.all(Array.from({ length: 40 }, (_, i) => put(far, fill(i * 3000))));
    let done = 0;
    await near.exchange.bring(link, SCOPE, files, { progress: (bytes) => (done = bytes) });
    expect(done).toBe(files.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { sha256, bytes } of files) expect(await near.content.sizeOf(sha256)).toBe(bytes);
    await near.exchange.bring(link, SCOPE, files, {});
  });

  it('goes on where it broke off', async () => {
    far.exchange.addGate(open);
    const bytes = fill(6_000_000);
    const file = await put(near, bytes);
    let cut = false;
    const sending = near.exchange.send(link, SCOPE, [file.sha256], {
      progress: (done) => {
        if (done > 3_000_000 && !cut) {
          cut = true;
          net.move('far');
        }
      },
    });
    await expect(sending).rejects.toMatchObject({ code: 'RESET' });
    link = await near.links.open({ peer: 'far' as PeerId, route: 'direct' });
    // At once: the other side may still be writing what came before.
    let first = 0;
    await near.exchange.send(link, SCOPE, [file.sha256], { progress: (done) => (first ||= done) });
    expect(first).toBeGreaterThan(2_000_000);
    expect(await far.content.sizeOf(file.sha256)).toBe(6_000_000);
    // The same the other way.
    await far.content.remove(file.sha256);
    await put(far, bytes);
    await near.content.remove(file.sha256);
    cut = false;
    await expect(
      near.exchange.bring(link, SCOPE, [file], {
        progress: (done) => {
          if (done > 3_000_000 && !cut) {
            cut = true;
            net.move('far');
          }
        },
      }),
    ).rejects.toMatchObject({ code: 'RESET' });
    link = await near.links.open({ peer: 'far' as PeerId, route: 'direct' });
    first = 0;
    let moved = 0;
    await near.exchange.bring(link, SCOPE, [file], { progress: (done) => (moved = done) });
    expect(moved).toBeLessThan(3_500_000);
    expect(await near.content.sizeOf(file.sha256)).toBe(6_000_000);
  });

  it('ends when whoever asked wants no more', async () => {
    far.exchange.addGate(open);
    const file = await put(near, fill(3_000_000));
    const abort = new AbortController();
    await expect(
      near.exchange.send(link, SCOPE, [file.sha256], {
        signal: abort.signal,
        progress: () => abort.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough');
    expect(await far.content.sizeOf(file.sha256)).toBeNull();
    await expect.poll(nothingAfterAWhile).toBe(0);
  });
});

describe('who may', () => {
  it('is told nothing of what it may not have', async () => {
    const file = await put(far, fill(100));
    const missing = { kind: 'refused', code: 'missing' };
    const answers = async (): Promise<ContentAnswer[]> => [
      await say(await raw(), { kind: 'get', scope: SCOPE, sha256: file.sha256, offset: 0 }),
      await say(await raw(), { kind: 'get', scope: SCOPE, sha256: 'ab'.repeat(32), offset: 0 }),
      await say(await raw(), { kind: 'give', scope: SCOPE, sha256: file.sha256, bytes: 100 }),
      await say(await raw(), { kind: 'lacks', scope: SCOPE, sha256: [file.sha256, 'ab'.repeat(32)] }),
    ];
    expect(await answers()).toEqual([missing, missing, missing, { kind: 'missing', places: [0, 1] }]);
    const withdraw = far.exchange.addGate({ mayRead: (_, scope) => scope === 'job:other', mayWrite: () => 0 });
    expect(await answers()).toEqual([missing, missing, missing, { kind: 'missing', places: [0, 1] }]);
    withdraw();
    far.exchange.addGate({
      mayRead: (to, scope, name) => to.party.kind === 'peer' && scope === SCOPE && name === file.sha256,
      mayWrite: () => 99,
    });
    expect((await answers())[0]).toEqual({ kind: 'file', bytes: 100 });
    expect((await answers())[2]).toEqual(missing);
    expect((await answers())[3]).toEqual({ kind: 'missing', places: [1] });
    await expect(near.exchange.bring(link, SCOPE, [{ sha256: 'cd'.repeat(32), bytes: 5 }], {})).rejects.toMatchObject({
      code: 'CONTENT_MISSING',
    });
    const own = await put(near, fill(1000));
    await expect(near.exchange.send(link, SCOPE, [own.sha256], {})).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  });
});

describe('a sender that lies', () => {
  const give = async (announced: number, sent: Uint8Array, sha256 = 'ab'.repeat(32)): Promise<Stream> => {
    far.exchange.addGate(open);
    const stream = await raw();
    expect(await say(stream, { kind: 'give', scope: SCOPE, sha256, bytes: announced })).toEqual({
      kind: 'take',
      offset: 0,
    });
    await stream.write(sent);
    await stream.finish();
    return stream;
  };
  it.each([
    ['another file', 5000, 5000, 'CONTENT_MISMATCH'],
    ['more than it said', 5000, 5001, 'CONTENT_MALFORMED'],
    ['less than it said', 5000, 4999, 'CONTENT_MALFORMED'],
    ['something in place of nothing', 0, 10, 'CONTENT_MALFORMED'],
  ])('sends %s and is told off', async (_, announced, sent, code) => {
    await give(announced, fill(sent));
    expect(await failureAtFar()).toMatchObject({ code, data: { verdict: 'reject' } });
    expect(far.content.usage()).toMatchObject({ bytes: 0, files: 0 });
  });

  it('fills the store and loses nothing of the others', async () => {
    const kept = await put(far, fill(2 ** 23));
    await far.content.hold('job:a', [kept.sha256]);
    far.exchange.addGate({ mayRead: () => true, mayWrite: () => 2 ** 30 });
    const stream = await raw();
    await say(stream, { kind: 'give', scope: SCOPE, sha256: 'ab'.repeat(32), bytes: 2 ** 29 });
    const piece = fill(2 ** 20);
    const writing = (async () => {
      for (let count = 0; count < 512; count++) await stream.write(piece);
    })().catch((error: unknown) => error);
    expect(decodeContentAnswer((await readMessage(stream))!)).toEqual({ kind: 'refused', code: 'full' });
    stream.reset();
    await writing;
    expect(await far.content.sizeOf(kept.sha256)).toBe(2 ** 23);
    expect(far.content.usage().bytes).toBe(2 ** 23);
  });

  it('stops in the middle, and is not waited for', async () => {
    far.exchange.addGate(open);
    const stream = await raw();
    await say(stream, { kind: 'give', scope: SCOPE, sha256: 'ab'.repeat(32), bytes: 2 ** 22 });
    await stream.write(fill(2 ** 20));
    const read = stream.read().then(
      () => 'more',
      () => 'reset',
    );
    for (let count = 0; count < 3; count++) await clock.advance(30_000);
    expect(await read).toBe('reset');
    await expect.poll(nothingAfterAWhile).toBe(0);
  });
});

describe('a giver that lies', () => {
  it.each<[string, string, (stream: Stream) => Promise<void>]>([
    [
      'a longer file',
      'CONTENT_TOO_LARGE',
      (stream) => writeMessage(stream, encodeContentMessage({ kind: 'file', bytes: 101 })),
    ],
    [
      'a shorter file',
      'CONTENT_MISMATCH',
      (stream) => writeMessage(stream, encodeContentMessage({ kind: 'file', bytes: 99 })),
    ],
    [
      'another file',
      'CONTENT_MISMATCH',
      async (stream) => {
        await writeMessage(stream, encodeContentMessage({ kind: 'file', bytes: 100 }));
        await stream.write(fill(100));
        await stream.finish();
      },
    ],
    [
      'more behind it',
      'CONTENT_MALFORMED',
      async (stream) => {
        await writeMessage(stream, encodeContentMessage({ kind: 'file', bytes: 100 }));
        await stream.write(fill(200));
        await stream.finish();
      },
    ],
    [
      'less',
      'CONTENT_MALFORMED',
      async (stream) => {
        await writeMessage(stream, encodeContentMessage({ kind: 'file', bytes: 100 }));
        await stream.write(fill(50));
        await stream.finish();
      },
    ],
    ['another answer', 'CONTENT_MALFORMED', (stream) => writeMessage(stream, encodeContentMessage({ kind: 'have' }))],
    ['no message', 'CONTENT_MALFORMED', (stream) => writeMessage(stream, fill(40))],
    ['a message of 1 GB', 'TOO_LARGE', (stream) => stream.write(Buffer.from('40000000', 'hex'))],
  ])('gives %s, and nothing of it is kept', async (_, code, answer) => {
    await pretend(answer);
    await expect(near.exchange.bring(link, SCOPE, [{ sha256: 'ab'.repeat(32), bytes: 100 }], {})).rejects.toMatchObject(
      { code },
    );
    expect(near.content.usage()).toMatchObject({ bytes: 0, files: 0 });
  });

  it('gives nothing, and is not waited for', async () => {
    await pretend(() => new Promise(() => undefined));
    const bringing = near.exchange
      .bring(link, SCOPE, [{ sha256: 'ab'.repeat(32), bytes: 100 }], {})
      .catch((error: unknown) => error);
    for (let count = 0; count < 3; count++) await clock.advance(30_000);
    expect(await bringing).toBeInstanceOf(Error);
  });
});

describe('a damaged disk', () => {
  it('makes nobody a liar', async () => {
    far.exchange.addGate(open);
    const file = await put(near, fill(200_000));
    writeFileSync(await near.content.diskPath(file.sha256), fill(200_000));
    await expect(near.exchange.send(link, SCOPE, [file.sha256], {})).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
    expect(await near.content.sizeOf(file.sha256)).toBeNull();
    expect(net.failures.filter(({ error }) => error instanceof ContentError)).toEqual([]);
  });
});

describe('messages', () => {
  it('are what their page says', () => {
    const { messages, refused } = readVectors<{
      messages: { message: ContentQuestion | ContentAnswer; encoded: string }[];
      refused: { why: string; encoded: string }[];
    }>('content-messages', 'messages.json');
    for (const { message, encoded } of messages) {
      expect(toHex(encodeContentMessage(message))).toBe(encoded);
      const decode = ['lacks', 'give', 'get'].includes(message.kind) ? decodeContentQuestion : decodeContentAnswer;
      expect(decode(fromHex(encoded))).toEqual(message);
    }
    for (const { why, encoded } of refused)
      expect(() => decodeContentQuestion(fromHex(encoded)), why).toThrow(ContentError);
  });

  it('are refused whatever else they are, and the stream ends', async () => {
    far.exchange.addGate(open);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.jsonValue().map((value) => encodeCbor({ v: 1, kind: 'give', scope: SCOPE, sha256: value, bytes: 1 })),
        ),
        async (bytes) => {
          const stream = await raw();
          await writeMessage(stream, bytes);
          expect(
            await stream.read().then(
              () => 'answered',
              () => 'reset',
            ),
          ).toBe('reset');
        },
      ),
      { numRuns: 100 },
    );
    expect(far.content.usage().files).toBe(0);
  });
});
