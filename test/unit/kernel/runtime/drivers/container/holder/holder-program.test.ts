import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../../../main/base/index.ts';
import {
  encodeFrame,
  encodeSync,
  FILES,
  FRAME,
  type Frame,
  FrameReader,
} from '../../../../../../../main/kernel/runtime/drivers/container/holder/frames.ts';
import {
  createHolderSession,
  type HolderSession,
} from '../../../../../../../main/kernel/runtime/drivers/container/holder/session.ts';
import { createHolderWorkFolder } from '../../../../../../../main/kernel/runtime/drivers/container/holder/work-folder.ts';
import type { JobPipe, WorkFolder } from '../../../../../../../main/kernel/runtime/drivers/interface.ts';
import {
  compileCheckedHolder,
  type HolderProcess,
  holderMissing,
  startHolderProcess,
} from '../../../../../../support/engine/holder-process.ts';
import { freePort } from '../../../../../../support/proxy/programs.ts';
import { createSilentLogger } from '../../../../../../support/silent-logger.ts';

// The program itself, without a container: what it takes, what it refuses, and what it does when a node dies in the middle of a word.

const KEY = '000102030405060708090a0b0c0d0e0f';
const outside = createSystemOutside();

describe.skipIf(holderMissing !== null)(`the holder's program (${holderMissing ?? 'compiled here'})`, () => {
  let folder = '';
  let program = '';
  let work = '';
  let holder: HolderProcess;
  let session: HolderSession;
  let files: WorkFolder;
  let doors: [number, number];
  const opened: { door: number; pipe: JobPipe }[] = [];
  const lost: string[] = [];

  const newSession = (doorsOpen = true): HolderSession =>
    createHolderSession(
      { outside, logger: createSilentLogger() },
      {
        key: Buffer.from(KEY, 'hex'),
        doors: doorsOpen,
        attach: async () => {
          if (holder.child.exitCode !== null || holder.child.signalCode !== null) throw new Error('it ended');
          return holder.attach();
        },
        opened: (door, pipe) => void opened.push({ door, pipe }),
        lost: (reason) => void lost.push(reason),
      },
    );
  beforeAll(async () => {
    // In memory, as in an engine.
    folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'hm-holder-'));
    program = join(folder, 'holder');
    await compileCheckedHolder(program);
    doors = [await freePort(), await freePort()];
    work = join(folder, 'work');
    mkdirSync(work);
    holder = startHolderProcess(program, KEY, work, doors);
    session = newSession();
    await session.start();
    files = createHolderWorkFolder(session);
  });
  afterAll(async () => {
    session.close();
    await holder.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('files', () => {
    it('writes, reads, cuts, lists and removes', async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 251));
      await files.write('one/two/three', 0, bytes);
      await files.write('one/two/three', 300_010, Uint8Array.of(1));
      expect(Buffer.from(await files.read('one/two/three', 0, 1_000_000)).length).toBe(300_011);
      expect(
        Buffer.from(await files.read('one/two/three', 100_001, 150_000)).equals(bytes.subarray(100_001, 250_001)),
      ).toBe(true);
      expect(await files.read('one/two/three', 300_011, 10)).toHaveLength(0);
      await files.truncate('one/two/three', 5, true);
      expect(readFileSync(join(work, 'one/two/three'))).toEqual(bytes.subarray(0, 5));
      expect(statSync(join(work, 'one/two/three')).mode & 0o777).toBe(0o755);
      await files.makeFolder('empty');
      await files.makeFolder('empty');
      await files.write('nothing', 0, new Uint8Array(0));
      const listed = (await files.list()).map((entry) => ({ ...entry, version: '' }));
      expect(listed.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
        { path: 'empty', kind: 'folder', bytes: 0, executable: false, version: '' },
        { path: 'nothing', kind: 'file', bytes: 0, executable: false, version: '' },
        { path: 'one', kind: 'folder', bytes: 0, executable: false, version: '' },
        { path: 'one/two', kind: 'folder', bytes: 0, executable: false, version: '' },
        { path: 'one/two/three', kind: 'file', bytes: 5, executable: true, version: '' },
      ]);
      for (const path of ['empty', 'nothing', 'one', 'not there']) await files.remove(path);
      expect(await files.list()).toEqual([]);
    });
    it('tells the version of what has just changed anew each time, and then no more', async () => {
      await files.write('fresh', 0, Uint8Array.of(1));
      const versionNow = async (): Promise<string> => (await files.list())[0]!.version;
      expect(await versionNow()).not.toBe(await versionNow());
      await sleep(120);
      const old = await versionNow();
      expect(await versionNow()).toBe(old);
      await files.write('fresh', 0, Uint8Array.of(2));
      expect(await versionNow()).not.toBe(old);
      await files.remove('fresh');
    });
    it('lists 3000 entries, and reads many files at once', async () => {
      for (let index = 0; index < 3000; index++) {
        if (index % 150 === 0) mkdirSync(join(work, `d${index / 150}`));
        writeFileSync(join(work, `d${Math.floor(index / 150)}`, `a file with a long name ${index}`), String(index));
      }
      const listed = await files.list();
      expect(listed).toHaveLength(3020);
      const some = listed.filter(({ kind }) => kind === 'file').slice(0, 500);
      const read = await Promise.all(some.map(({ path }) => files.read(path, 0, 100)));
      for (const [index, { path }] of some.entries())
        expect(Buffer.from(read[index]!).toString()).toBe(path.split(' ').at(-1));
      for (let index = 0; index < 20; index++) await files.remove(`d${index}`);
      expect(await files.list()).toEqual([]);
    });
    it('hashes blocks: the same for the same, another for another', async () => {
      await files.write('large', 65_536 * 300, new Uint8Array(17));
      const first = await files.blocks!.hashes('large');
      expect(first).toHaveLength(301);
      expect(new Set(first).size).toBe(2);
      await files.write('large', 65_536 * 280 + 5, Uint8Array.of(4));
      const second = await files.blocks!.hashes('large');
      expect(second.flatMap((hash, index) => (hash === first[index] ? [] : [index]))).toEqual([280]);
      const block = await files.blocks!.read('large', 280);
      expect(block.hash).toBe(second[280]);
      expect(block.bytes).toHaveLength(65_536);
      expect((await files.blocks!.read('large', 300)).bytes).toHaveLength(17);
      expect((await files.blocks!.read('large', 301)).bytes).toHaveLength(0);
      await files.remove('large');
    });

    it('follows no link, wherever it lies, and lists none', async () => {
      const outsideFile = join(folder, 'outside');
      mkdirSync(join(folder, 'elsewhere'), { recursive: true });
      writeFileSync(outsideFile, 'secret');
      writeFileSync(join(folder, 'elsewhere', 'file'), 'secret');
      mkdirSync(join(work, 'real'));
      symlinkSync(outsideFile, join(work, 'link'));
      symlinkSync('../elsewhere', join(work, 'links'));
      symlinkSync('/', join(work, 'real', 'root'));
      symlinkSync('real', join(work, 'inside'));
      const refused = { code: 'WORK_REFUSED' };
      for (const path of ['link', 'links/file', 'real/root/etc/passwd', 'inside/new']) {
        await expect(files.read(path, 0, 10), path).rejects.toMatchObject(refused);
        await expect(files.write(path, 0, Uint8Array.of(1)), path).rejects.toMatchObject(refused);
        await expect(files.truncate(path, 0, true), path).rejects.toMatchObject(refused);
        await expect(files.blocks!.hashes(path), path).rejects.toMatchObject(refused);
      }
      await expect(files.makeFolder('links/new')).rejects.toMatchObject(refused);
      await expect(files.makeFolder('link')).rejects.toMatchObject(refused);
      await expect(files.remove('links/file')).rejects.toMatchObject(refused);
      expect((await files.list()).map(({ path }) => path)).toEqual(['real']);
      // A link is removed as what it is.
      for (const path of ['link', 'links', 'inside', 'real']) await files.remove(path);
      expect(readFileSync(outsideFile, 'utf8')).toBe('secret');
      expect(readdirSync(join(folder, 'elsewhere'))).toEqual(['file']);
      expect(existsSync('/etc/passwd')).toBe(true);
      expect(readdirSync(work)).toEqual([]);
    });
    it('neither waits for pipes nor reads what is no file', async () => {
      execFileSync('/usr/bin/mkfifo', [join(work, 'pipe')]);
      mkdirSync(join(work, 'folder'));
      for (const path of ['pipe', 'folder']) {
        await expect(files.read(path, 0, 10)).rejects.toMatchObject({ code: 'WORK_REFUSED' });
        await expect(files.write(path, 0, Uint8Array.of(1))).rejects.toMatchObject({ code: 'WORK_REFUSED' });
      }
      expect((await files.list()).map(({ path }) => path)).toEqual(['folder']);
      for (const path of ['pipe', 'folder']) await files.remove(path);
    });
    it('reads what the job shut, and keeps hard links apart', async () => {
      mkdirSync(join(work, 'shut'));
      writeFileSync(join(work, 'shut', 'file'), 'text');
      linkSync(join(work, 'shut', 'file'), join(work, 'twin'));
      chmodSync(join(work, 'shut', 'file'), 0);
      chmodSync(join(work, 'shut'), 0);
      expect((await files.list()).map(({ path }) => path).toSorted()).toEqual(['shut', 'shut/file', 'twin']);
      expect(Buffer.from(await files.read('shut/file', 0, 10)).toString()).toBe('text');
      for (const path of ['shut', 'twin']) await files.remove(path);
      expect(readdirSync(work)).toEqual([]);
    });
    it('says so where a tree is deeper than any is read', async () => {
      let deep = work;
      for (let level = 0; level < 70; level++) mkdirSync((deep = join(deep, 'd')));
      await expect(files.list()).rejects.toMatchObject({ code: 'TOO_MANY_FILES' });
      rmSync(join(work, 'd'), { recursive: true });
      expect(await files.list()).toEqual([]);
    });
    it.each([
      '',
      '/',
      '/etc/passwd',
      '..',
      '../x',
      'a/../../x',
      'a/..',
      './a',
      'a//b',
      'a/',
      'a\0b',
      `${'a/'.repeat(64)}a`,
      'n'.repeat(256),
    ])('refuses the path %j, here and there', async (path) => {
      await expect(files.read(path, 0, 1)).rejects.toMatchObject({ code: 'WORK_REFUSED' });
      // As a node would say it that does not look.
      const bytes = Buffer.from(path);
      const numbers = Buffer.alloc(12);
      numbers.writeUInt32LE(1, 8);
      const { status } = await session.ask(Buffer.concat([Uint8Array.of(FILES.read), numbers, bytes]));
      expect(status).toBe(3);
    });
  });

  describe('connections', () => {
    let server: Server;
    let port = 0;
    const sockets = new Set<Socket>();
    beforeAll(async () => {
      server = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.pipe(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      port = (server.address() as { port: number }).port;
    });
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const readAll = async (pipe: JobPipe): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      for (let chunk = await pipe.read(); chunk !== null; chunk = await pipe.read()) chunks.push(chunk);
      return Buffer.concat(chunks);
    };

    it('carries bytes to a port and back, and ends both ways', async () => {
      const before = { ...session.counters };
      const pipe = await session.connect(port);
      const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 31) % 253));
      const [got] = await Promise.all([readAll(pipe), pipe.write(sent).then(() => pipe.finish())]);
      expect(got.equals(sent)).toBe(true);
      expect(session.counters.sentBytes - before.sentBytes).toBe(1_000_000);
      expect(session.counters.receivedBytes - before.receivedBytes).toBe(1_000_000);
    });
    it('refuses a port where nothing listens', async () => {
      await expect(session.connect(await freePort())).rejects.toMatchObject({ code: 'PORT_CLOSED' });
      await expect(session.connect(0)).rejects.toMatchObject({ code: 'PORT_CLOSED' });
    });
    it('keeps 256 connections, and refuses more', async () => {
      const pipes = await Promise.all(Array.from({ length: 256 }, () => session.connect(port)));
      await expect(session.connect(port)).rejects.toMatchObject({ code: 'PORT_CLOSED' });
      await Promise.all(
        pipes.map(async (pipe, index) => {
          const word = Buffer.from(`connection ${index}`);
          await pipe.write(word);
          await pipe.finish();
          expect((await readAll(pipe)).equals(word)).toBe(true);
        }),
      );
      const again = await session.connect(port);
      again.reset();
      await expect(again.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'CONNECTION_RESET' });
    });
    it('holds a sender back while the job does not read, and nobody else', async () => {
      const deaf = createServer((socket) => socket.pause());
      await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
      const pipe = await session.connect((deaf.address() as { port: number }).port);
      let sent = 0;
      const writing = (async () => {
        for (; sent < 64; sent++) await pipe.write(new Uint8Array(1_048_576));
      })().catch(() => 'reset');
      await sleep(300);
      expect(sent).toBeLessThan(8);
      const other = await session.connect(port);
      await other.write(Uint8Array.of(1));
      await other.finish();
      expect(await readAll(other)).toHaveLength(1);
      pipe.reset();
      expect(await writing).toBe('reset');
      deaf.close();
    });
    it('tells what the job opens at the doors, and closes them where it has no way out', async () => {
      const { connect } = await import('node:net');
      const socket = connect(doors[1], '127.0.0.1');
      socket.write('hello');
      await expect.poll(() => opened.length).toBe(1);
      const { door, pipe } = opened.pop()!;
      expect(door).toBe(2);
      expect(Buffer.from((await pipe.read())!).toString()).toBe('hello');
      await pipe.write(Buffer.from('there'));
      await pipe.finish();
      expect((await socket.take(1).toArray()).toString()).toBe('there');
      socket.destroy();
      await expect(pipe.read()).resolves.toBeNull();
    });
  });

  describe('a node that goes', () => {
    it('cut off anywhere, is followed by one that is understood at once', async () => {
      const key = Buffer.from(KEY, 'hex');
      const frames = Buffer.concat([
        encodeSync(key, 0x4d4d4d4d, false),
        encodeFrame(0x4d4d4d4d, FRAME.files, 1, Buffer.concat([Uint8Array.of(FILES.folder), Buffer.from('whole')])),
        encodeFrame(
          0x4d4d4d4d,
          FRAME.files,
          2,
          Buffer.concat([
            Uint8Array.of(FILES.write, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0),
            Buffer.from('cut'),
            Buffer.alloc(2000, 65),
          ]),
        ),
      ]);
      const cuts = [
        1,
        frames.length - 2500,
        frames.length - 2029,
        frames.length - 2000,
        frames.length - 1000,
        frames.length - 5,
        frames.length - 1,
      ];
      for (const cut of cuts) {
        session.close();
        holder.child.stdin!.write(frames.subarray(0, cut));
        session = newSession();
        await session.start();
        files = createHolderWorkFolder(session);
        // A step that did not arrive whole was not done.
        expect((await files.list()).map(({ path }) => path)).not.toContain('cut');
      }
      await files.remove('whole');
    });
    it('leaves words behind that come late, and the next one begins again', async () => {
      const before = files;
      await before.write('kept', 0, Uint8Array.of(9));
      const stale = encodeFrame(
        12_345,
        FRAME.files,
        7,
        Buffer.concat([Uint8Array.of(FILES.remove), Buffer.from('kept')]),
      );
      const asked = Promise.all(Array.from({ length: 40 }, () => before.read('kept', 0, 1)));
      holder.child.stdin!.write(stale);
      // What was asked while the session broke is asked again, and nothing of the old word was done.
      for (const bytes of await asked) expect([...bytes]).toEqual([9]);
      expect([...(await before.read('kept', 0, 1))]).toEqual([9]);
      await before.remove('kept');
    });
  });

  it('understands no noise, and is none the worse for it', { timeout: 30_000 }, async () => {
    const noise = startHolderProcess(program, KEY, work, [await freePort(), await freePort()]);
    const key = Buffer.from(KEY, 'hex');
    const frameOf = fc
      .record({
        type: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 255 })),
        channel: fc.integer({ min: 0, max: 12 }),
        head: fc.uint8Array({ minLength: 1, maxLength: 16 }),
        kind: fc.integer({ min: 0, max: 9 }),
        rest: fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.constantFrom(...['a', 'a/b', '../x', ''].map((text) => Buffer.from(text))),
        ),
        session: fc.constantFrom(5, 5, 5, 5, 5, 5, 5, 6),
      })
      .map(({ type, channel, head, kind, rest, session: of }) =>
        Buffer.from(
          encodeFrame(of, type, channel, Buffer.concat([Uint8Array.of(kind), kind < 5 ? head.fill(0) : head, rest])),
        ),
      );
    const piece = fc.oneof(
      { weight: 6, arbitrary: frameOf },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)) },
      { weight: 1, arbitrary: fc.boolean().map((open) => Buffer.from(encodeSync(key, 5, open))) },
    );
    try {
      for (const pieces of fc.sample(fc.array(piece, { minLength: 1, maxLength: 60 }), 150)) {
        const bytes = Buffer.concat([encodeSync(key, 5, true), ...pieces]);
        if (!noise.child.stdin!.write(bytes)) await new Promise((resolve) => noise.child.stdin!.once('drain', resolve));
      }
      // It still knows its own.
      const frames: Frame[] = [];
      let synced = false;
      const reader = new FrameReader({ synced: () => (synced = true), frame: (frame) => void frames.push(frame) });
      reader.expect(key, 4_000_000_000, false);
      noise.attach().listen({ data: (bytes) => reader.take(bytes), ended: () => undefined });
      noise.child.stdin!.write(encodeSync(key, 4_000_000_000, false));
      await expect.poll(() => synced, { timeout: 20_000 }).toBe(true);
      noise.child.stdin!.write(encodeFrame(4_000_000_000, FRAME.ping, 3, new Uint8Array(0)));
      await expect.poll(() => frames.map(({ type }) => type)).toEqual([FRAME.pong]);
      expect(noise.said()).toBe('');
      expect(existsSync(join(folder, 'x'))).toBe(false);
    } finally {
      await noise.kill();
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work);
    }
  });

  it('was never lost, and no access of it was wrong', () => {
    expect(lost).toEqual([]);
    expect(holder.said()).toBe('');
  });
  it.each([
    [[]],
    [['short']],
    [[`${KEY}00`]],
    [[KEY.replace('0', 'g')]],
    [[KEY, '/does/not/exist']],
    [[KEY, '/tmp', '1']],
    [[KEY, '/tmp', '0', '1']],
    [[KEY, '/tmp', '1', '65536']],
  ])('does not start with %j', (args) => {
    expect(() => execFileSync(program, args, { stdio: 'pipe', timeout: 5000 })).toThrow(/Command failed/);
  });
});
