import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, afterEach } from 'vitest';
import type { Identity } from '../../../../main/apps/satchel/index.ts';
import { encodeCbor } from '../../../../main/base/index.ts';
import {
  kemEncapsulate,
  parsePhrase,
  verifyRecord,
  verifySelfMadeCertificate,
} from '../../../../main/base/crypto/index.ts';
import {
  type SatchelBench,
  PASSPHRASE,
  createMemoryKeyStore,
  createSatchelBench,
  underPassphrase,
} from '../../../support/satchel.ts';

// Each derivation costs more than a second, so these tests share what they can.

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};
/** Keys are derived a dozen times, beside whatever else the machine does. */
const MS_MAX = 240_000;
const DAY_MS = 24 * 60 * 60_000;

describe('making an identity', { timeout: MS_MAX }, () => {
  let bench: SatchelBench;
  beforeEach(async () => {
    bench = await createSatchelBench();
  });
  afterEach(() => bench.end());

  it('happens only after the words were confirmed, and as a whole', async () => {
    const identity = await bench.open();
    expect(identity.view()).toMatchObject({ status: 'none', identity: null, drillDue: false, lockedReason: null });
    expect(identity.reason()?.code).toBe('IDENTITY_NONE');
    const { draftId, words, ask, expiresAtMs } = await identity.begin();
    expect(words).toHaveLength(24);
    expect(new Set(ask).size).toBe(4);
    expect(expiresAtMs).toBe(bench.clock.nowMs() + 15 * 60_000);
    expect(readdirSync(bench.folder)).toEqual([]);
    expect(identity.view().status).toBe('none');
    const views: string[] = [];
    let changes = 0;
    identity.on('viewChanged', ({ status }) => views.push(status));
    identity.on('changed', () => changes++);
    const view = await identity.confirm({
      draftId,
      // As people type.
      words: ask.map((place) => ` ${words[place - 1]?.toUpperCase()} `),
      sealing: underPassphrase,
    });
    expect(view).toMatchObject({ status: 'unlocked', sealedBy: 'passphrase', lockedReason: null, drillDue: false });
    expect(view.identity?.peerId).toMatch(/^12D3KooW/);
    expect(view.identity?.keyId).toMatch(/^key:b/);
    expect(view.identity?.keys.map(({ algorithm }) => algorithm)).toEqual([
      'Ed25519',
      'FALCON-1024',
      'ML-KEM-1024',
      'Ed25519',
      'FALCON-1024',
    ]);
    expect(readdirSync(bench.folder)).toEqual(['identity']);
    expect(statSync(bench.path).mode & 0o777).toBe(0o600);
    expect(views).toEqual(['unlocked']);
    expect(changes).toBe(1);
    // No word in the clear, neither on disk nor in the log.
    const text = readFileSync(bench.path).toString('latin1');
    const log = JSON.stringify(bench.logged);
    // Whole words, and not those that file and log use themselves: `phrase` is one of the list, and so is `identity`.
    const own = new Set(['identity', 'account']);
    const secret = words.filter((word) => word.length > 5 && !own.has(word));
    for (const told of [text, log]) expect(secret.filter((word) => new RegExp(`\\b${word}\\b`).test(told))).toEqual([]);
    expect(readFileSync(bench.path).includes(Buffer.from(parsePhrase(words.join(' '))))).toBe(false);
    expect(log).not.toContain(PASSPHRASE);
    // Never a second time.
    expect(await codeOf(identity.begin())).toBe('IDENTITY_EXISTS');
    expect(await codeOf(identity.confirm({ draftId, words: [], sealing: underPassphrase }))).toBe('IDENTITY_EXISTS');
    expect(
      await codeOf(
        identity.restore({
          source: { kind: 'phrase', phrase: words.join(' ') },
          sealing: underPassphrase,
          replaceSealing: false,
        }),
      ),
    ).toBe('IDENTITY_EXISTS');
  });

  it('ends after three wrong tries, after a quarter of an hour, at a new draft and when the node stops', async () => {
    const identity = await bench.open();
    const confirm = (draftId: string, words: string[]): Promise<string> =>
      codeOf(identity.confirm({ draftId, words, sealing: underPassphrase }));
    const wrong = ['abandon', 'abandon', 'abandon', 'zoo'];
    const first = await identity.begin();
    expect(await confirm('0'.repeat(32), wrong)).toBe('DRAFT_UNKNOWN');
    const right = first.ask.map((place) => first.words[place - 1] ?? '');
    expect(await confirm(first.draftId, right.slice(0, 3))).toBe('WORDS_WRONG');
    expect(await confirm(first.draftId, right.toReversed())).toBe('WORDS_WRONG');
    expect(await confirm(first.draftId, wrong)).toBe('WORDS_WRONG');
    expect(await confirm(first.draftId, right)).toBe('DRAFT_UNKNOWN');
    const second = await identity.begin();
    const third = await identity.begin();
    expect(third.words).not.toEqual(second.words);
    expect(await confirm(second.draftId, wrong)).toBe('DRAFT_UNKNOWN');
    await bench.clock.advance(15 * 60_000);
    expect(await confirm(third.draftId, wrong)).toBe('DRAFT_UNKNOWN');
    expect(bench.clock.pendingCount).toBeGreaterThan(0);
    const fourth = await identity.begin();
    await expect(identity.lock()).rejects.toMatchObject({ code: 'IDENTITY_NONE' });
    expect(await confirm(fourth.draftId, wrong)).toBe('DRAFT_UNKNOWN');
    await identity.stop();
    expect(await codeOf(identity.begin())).toBe('STOPPING');
    expect(bench.exists()).toBe(false);
  });

  it('never touches what lies in its place', async () => {
    const identity = await bench.open();
    const { draftId, words, ask } = await identity.begin();
    for (const content of [new Uint8Array(0), Buffer.from('my notes'), Buffer.alloc(70_000)]) {
      writeFileSync(bench.path, content);
      expect(
        await codeOf(
          identity.confirm({ draftId, words: ask.map((place) => words[place - 1] ?? ''), sealing: underPassphrase }),
        ),
      ).toBe('IDENTITY_DAMAGED');
      expect(readFileSync(bench.path)).toEqual(Buffer.from(content));
    }
    const again = await bench.open({ passphrase: PASSPHRASE });
    expect(again.view()).toMatchObject({ status: 'locked', identity: null, sealedBy: null });
    expect(again.view().lockedReason).toMatch(/damaged \(it is too large\).*left as it is/);
    expect(again.reason()?.code).toBe('IDENTITY_LOCKED');
    expect(again.warnings().map(({ code }) => code)).toEqual(['IDENTITY_LOCKED']);
    for (const work of [
      again.begin(),
      again.unlock({ passphrase: PASSPHRASE }),
      again.seal({ sealing: underPassphrase }),
      again.backup({ passphrase: PASSPHRASE }),
      again.drill({ source: { kind: 'phrase', phrase: words.join(' ') } }),
      again.restore({
        source: { kind: 'phrase', phrase: words.join(' ') },
        sealing: underPassphrase,
        replaceSealing: true,
      }),
    ])
      expect(await codeOf(work)).toBe('IDENTITY_DAMAGED');
    writeFileSync(bench.path, encodeCbor({ v: 2, kind: 'hypermesh-identity', anything: 'else' }));
    const newer = await bench.open();
    expect(newer.view().lockedReason).toMatch(/newer version of HyperMesh \(format 2/);
    expect(await codeOf(newer.unlock({ passphrase: PASSPHRASE }))).toBe('IDENTITY_NEWER');
    expect(await codeOf(newer.begin())).toBe('IDENTITY_NEWER');
  });
});

describe('an identity under a passphrase', { timeout: MS_MAX }, () => {
  let bench: SatchelBench;
  let identity: Identity;
  let phrase: string;
  let other: string;
  beforeAll(async () => {
    bench = await createSatchelBench();
    identity = await bench.open();
    other = (await identity.begin()).words.join(' ');
    phrase = await bench.create(identity);
  });
  afterAll(() => bench.end());
  const phraseSource = (words: string) => ({ kind: 'phrase', phrase: words }) as const;

  it('signs and opens for node and account, until it is locked', async () => {
    const node = identity.node();
    const account = identity.account();
    if (node === null || account === null) throw new Error('it is locked');
    const payload = encodeCbor({ hello: 1 });
    const record = verifyRecord(await node.signer.sign('probe', payload), {
      domain: 'probe',
      signer: node.signer.keyIdBytes,
    });
    expect(record.payload).toEqual(payload);
    expect(record.keyId).toBe(identity.view().identity?.keyId);
    expect(verifyRecord(await account.signer.sign('transaction', payload), { domain: 'transaction' }).keyId).toBe(
      identity.view().identity?.accountKeyId,
    );
    const { cipherText, shared } = kemEncapsulate(node.opener.publicKey, new Uint8Array(32).fill(7));
    expect(Buffer.from(await node.opener.decapsulate(cipherText))).toEqual(Buffer.from(shared));
    await expect(node.opener.decapsulate(new Uint8Array(3))).rejects.toMatchObject({ code: 'SEAL_MALFORMED' });
    await expect(node.signer.sign('probe', new Uint8Array(4 * 1024 * 1024 + 1))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await expect(node.signer.sign('other' as 'probe', payload)).rejects.toMatchObject({ code: 'DOMAIN_UNKNOWN' });
    const certificate = verifySelfMadeCertificate(node.certificate);
    expect(certificate.node.keyId).toBe(node.signer.keyId);
    expect(certificate.account.keyId).toBe(account.signer.keyId);
    // Begun before the lock: it may end either way, but never with keys that were wiped meanwhile.
    const underWay = node.signer.sign('probe', payload);
    const locking = identity.lock();
    expect(identity.node()).toBeNull();
    verifyRecord(await underWay, { domain: 'probe', signer: node.signer.keyIdBytes });
    expect((await locking).lockedReason).toMatch(/hypermesh identity unlock/);
    await expect(node.signer.sign('probe', payload)).rejects.toMatchObject({ code: 'LOCKED' });
    await expect(account.signer.sign('probe', payload)).rejects.toMatchObject({ code: 'LOCKED' });
    await expect(node.opener.decapsulate(cipherText)).rejects.toMatchObject({ code: 'LOCKED' });
    expect(identity.reason()?.code).toBe('IDENTITY_LOCKED');
    expect(identity.warnings().map(({ code }) => code)).toEqual(['IDENTITY_LOCKED']);
    await identity.unlock({ passphrase: PASSPHRASE });
    // What was kept from before stays locked.
    await expect(node.signer.sign('probe', payload)).rejects.toMatchObject({ code: 'LOCKED' });
    expect(identity.node()?.certificate).toEqual(node.certificate);
  });

  it('unlocks with its passphrase only, and lets nobody guess quickly', async () => {
    await identity.lock();
    expect(await codeOf(identity.unlock({}))).toBe('PASSPHRASE_NEEDED');
    for (const [index, wait] of [0, 0, 1_000, 2_000, 4_000].entries()) {
      expect(await codeOf(identity.unlock({ passphrase: `wrong ${index}` }))).toBe('PASSPHRASE_WRONG');
      if (wait === 0) continue;
      // Not even the right one counts before the wait is over, and setting the clock does not end it.
      const refused = await identity.unlock({ passphrase: PASSPHRASE }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'TOO_MANY_ATTEMPTS', data: { retryAtMs: bench.clock.nowMs() + wait } });
      bench.clock.setNowMs(bench.clock.nowMs() + DAY_MS);
      expect(await codeOf(identity.unlock({ passphrase: PASSPHRASE }))).toBe('TOO_MANY_ATTEMPTS');
      bench.clock.setNowMs(bench.clock.nowMs() - DAY_MS);
      await bench.clock.advance(wait);
    }
    // Several at once are no way around it: they run one after another.
    const many = await Promise.all([1, 2, 3].map((n) => codeOf(identity.unlock({ passphrase: `at once ${n}` }))));
    expect(many).toEqual(['PASSPHRASE_WRONG', 'TOO_MANY_ATTEMPTS', 'TOO_MANY_ATTEMPTS']);
    await bench.clock.advance(10_000);
    expect((await identity.unlock({ passphrase: PASSPHRASE })).status).toBe('unlocked');
    await identity.lock();
    expect(await codeOf(identity.unlock({ passphrase: 'wrong' }))).toBe('PASSPHRASE_WRONG');
    expect((await identity.unlock({ passphrase: PASSPHRASE })).status).toBe('unlocked');
  });

  it('refuses when too many requests wait', async () => {
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(identity.unlock({}))));
    expect(codes.filter((code) => code === 'IDENTITY_BUSY').length).toBe(4);
    expect(codes.filter((code) => code === 'done').length).toBe(16);
  });

  it('is locked after a start, and unlocked by one that was given the passphrase', async () => {
    const first = await bench.open();
    expect(first.view()).toMatchObject({ status: 'locked', sealedBy: 'passphrase' });
    expect(first.view().identity).toEqual(identity.view().identity);
    const wrong = await bench.open({ passphrase: 'not this one' });
    expect(wrong.view().status).toBe('locked');
    expect(bench.logged.at(-1)).toMatchObject({ level: 'warn', context: { code: 'PASSPHRASE_WRONG' } });
    expect(JSON.stringify(bench.logged)).not.toContain('not this one');
    const right = await bench.open({ passphrase: PASSPHRASE });
    expect(right.view().status).toBe('unlocked');
    await right.stop();
    await right.stop();
    expect(right.node()).toBeNull();
  });

  it('is read by whoever may, and says so when the node may not', async () => {
    const before = readFileSync(bench.path);
    const locked = await bench.open();
    writeFileSync(bench.path, before.subarray(0, before.length - 1));
    expect(await codeOf(locked.unlock({ passphrase: PASSPHRASE }))).toBe('IDENTITY_DAMAGED');
    expect(locked.view().lockedReason).toMatch(/damaged/);
    // Brought back while the node runs.
    writeFileSync(bench.path, before);
    expect((await locked.unlock({ passphrase: PASSPHRASE })).status).toBe('unlocked');
    if (process.getuid?.() === 0) return;
    chmodSync(bench.path, 0);
    expect((await bench.open()).view().lockedReason).toMatch(/cannot be read \(EACCES\)/);
    chmodSync(bench.path, 0o600);
  });

  it('changes its passphrase only for whoever knows the present one', async () => {
    const sealing = { kind: 'passphrase', passphrase: 'another passphrase' } as const;
    const before = readFileSync(bench.path);
    expect(await codeOf(identity.seal({ sealing }))).toBe('PASSPHRASE_NEEDED');
    expect(await codeOf(identity.seal({ passphrase: 'wrong', sealing }))).toBe('PASSPHRASE_WRONG');
    expect(await codeOf(identity.seal({ passphrase: PASSPHRASE, sealing: { kind: 'keyStore' } }))).toBe(
      'KEY_STORE_UNAVAILABLE',
    );
    expect(readFileSync(bench.path)).toEqual(before);
    expect((await identity.seal({ passphrase: PASSPHRASE, sealing })).status).toBe('unlocked');
    const again = await bench.open();
    expect(again.view().identity).toEqual(identity.view().identity);
    expect(await codeOf(again.seal({ passphrase: 'another passphrase', sealing }))).toBe('IDENTITY_LOCKED');
    expect(await codeOf(again.backup({ passphrase: PASSPHRASE }))).toBe('IDENTITY_LOCKED');
    expect(await codeOf(again.unlock({ passphrase: PASSPHRASE }))).toBe('PASSPHRASE_WRONG');
    expect((await again.unlock({ passphrase: 'another passphrase' })).status).toBe('unlocked');
    await identity.seal({ passphrase: 'another passphrase', sealing: underPassphrase });
  });

  it('is drilled from phrase and backup, locked or not, and remembers how it went', async () => {
    expect(identity.view()).toMatchObject({ lastDrill: null, drillDue: false, lastBackupAtMs: null });
    expect(await codeOf(identity.drill({ source: phraseSource('one two three') }))).toBe('PHRASE_LENGTH');
    const passed = await identity.drill({ source: phraseSource(`1. ${phrase.toUpperCase()}`) });
    expect(passed).toMatchObject({ passed: true, from: 'phrase', atMs: bench.clock.nowMs() });
    expect(passed.keys.map(({ same }) => same)).toEqual([true, true, true, true, true]);
    const { backup, fileName } = await identity.backup({ passphrase: 'the backup’s own', present: PASSPHRASE });
    expect(await codeOf(identity.backup({ passphrase: 'a thief’s own' }))).toBe('PASSPHRASE_NEEDED');
    expect(await codeOf(identity.backup({ passphrase: 'a thief’s own', present: 'a guess' }))).toBe('PASSPHRASE_WRONG');
    expect(fileName).toMatch(/^hypermesh-identity-\d{4}-\d\d-\d\d\.hmbackup$/);
    expect(backup.length).toBeLessThan(500);
    expect(identity.view().lastBackupAtMs).toBe(bench.clock.nowMs());
    const file = Buffer.from(backup).toString('base64');
    await identity.lock();
    const fromBackup = (passphrase: string) => ({ kind: 'backup', backup: file, passphrase }) as const;
    expect(await codeOf(identity.drill({ source: fromBackup(PASSPHRASE) }))).toBe('PASSPHRASE_WRONG');
    expect(await identity.drill({ source: fromBackup('the backup’s own') })).toMatchObject({ passed: true });
    const failed = await identity.drill({ source: phraseSource(other) });
    expect(failed.passed).toBe(false);
    expect(failed.keys.map(({ same }) => same)).toEqual([false, false, false, false, false]);
    expect(identity.view()).toMatchObject({ drillDue: true, lastDrill: { passed: false } });
    expect(identity.warnings().map(({ code }) => code)).toEqual(['IDENTITY_LOCKED', 'DRILL_DUE']);
    const again = await bench.open();
    expect(again.view().lastDrill).toEqual(failed);
    expect(again.view().lastBackupAtMs).toBe(identity.view().lastBackupAtMs);
    await identity.drill({ source: phraseSource(phrase) });
    expect(identity.view().drillDue).toBe(false);
    await identity.unlock({ passphrase: PASSPHRASE });
  });

  it('is due for a drill every quarter of a year, whatever the clock does', async () => {
    const views: boolean[] = [];
    const end = identity.on('viewChanged', ({ drillDue }) => views.push(drillDue));
    const nowMs = bench.clock.nowMs();
    expect(identity.view().drillDueAtMs).toBe(nowMs + 91 * DAY_MS);
    bench.clock.setNowMs(nowMs + 91 * DAY_MS - 700_000);
    expect(identity.view().drillDue).toBe(false);
    await bench.clock.advance(600_000);
    expect(views).toEqual([]);
    // Noticed by itself while the node runs.
    await bench.clock.advance(600_000);
    expect(views).toEqual([true]);
    expect(identity.warnings().map(({ code }) => code)).toEqual(['DRILL_DUE']);
    // The clock was wrong when the drill was made: a date ahead is none.
    bench.clock.setNowMs(nowMs - 365 * DAY_MS);
    expect(identity.view().drillDue).toBe(true);
    bench.clock.setNowMs(nowMs);
    expect(identity.view().drillDue).toBe(false);
    end();
  });

  it('gets a new sealing from its phrase or backup, and never another’s', async () => {
    const locked = await bench.open();
    const before = readFileSync(bench.path);
    const sealing = { kind: 'passphrase', passphrase: 'after it was forgotten' } as const;
    const restore = (source: Parameters<Identity['restore']>[0]['source'], replaceSealing: boolean) =>
      codeOf(locked.restore({ source, sealing, replaceSealing }));
    expect(await restore(phraseSource(phrase), false)).toBe('IDENTITY_EXISTS');
    expect(await restore(phraseSource(other), true)).toBe('IDENTITY_OTHER');
    expect(await restore(phraseSource(phrase.replace(/^\w+/, 'hypermesh')), true)).toBe('PHRASE_WORD');
    expect(readFileSync(bench.path)).toEqual(before);
    expect(locked.view().status).toBe('locked');
    expect(await restore(phraseSource(phrase), true)).toBe('done');
    expect(locked.view()).toMatchObject({ status: 'unlocked', identity: identity.view().identity });
    const again = await bench.open({ passphrase: 'after it was forgotten' });
    expect(again.view().status).toBe('unlocked');
    await again.seal({ passphrase: 'after it was forgotten', sealing: underPassphrase });
  });

  it('comes back in an empty folder, from phrase and from backup', async () => {
    const { backup } = await identity.backup({ passphrase: 'the backup’s own', present: PASSPHRASE });
    const file = Buffer.from(backup).toString('base64');
    for (const source of [
      phraseSource(phrase),
      { kind: 'backup', backup: file, passphrase: 'the backup’s own' } as const,
    ]) {
      const elsewhere = await createSatchelBench();
      const empty = await elsewhere.open();
      const view = await empty.restore({ source, sealing: underPassphrase, replaceSealing: false });
      expect(view.identity?.keyId).toBe(identity.view().identity?.keyId);
      expect(view.identity?.keys).toEqual(identity.view().identity?.keys);
      expect(view.lastDrill).toBeNull();
      expect([identity.createdHere(), empty.createdHere()]).toEqual([true, false]);
      const again = await elsewhere.open({ passphrase: PASSPHRASE });
      expect(again.view().status).toBe('unlocked');
      expect(again.createdHere()).toBe(false);
      await elsewhere.end();
    }
  });
});

describe('an identity under a key store', { timeout: MS_MAX }, () => {
  let bench: SatchelBench;
  beforeAll(async () => {
    bench = await createSatchelBench();
  });
  afterAll(() => bench.end());

  it('unlocks by itself, says why when it cannot, and has ways out', async () => {
    const keyStore = createMemoryKeyStore();
    const identity = await bench.open({ keyStore });
    keyStore.locked = true;
    const { draftId, words, ask } = await identity.begin();
    const confirm = () =>
      identity.confirm({ draftId, words: ask.map((place) => words[place - 1] ?? ''), sealing: { kind: 'keyStore' } });
    // Never in the clear instead, and the phrase is not lost by it.
    expect(await codeOf(confirm())).toBe('KEY_STORE_UNAVAILABLE');
    expect(bench.exists()).toBe(false);
    keyStore.locked = false;
    expect(await confirm()).toMatchObject({ status: 'unlocked', sealedBy: 'keyStore', keyStore: { available: true } });

    const unlocked = async (identityAtStart: Identity): Promise<boolean> => {
      if (identityAtStart.view().status === 'unlocked') return true;
      await new Promise<void>((resolve) => {
        const end = identityAtStart.on('viewChanged', () => {
          end();
          resolve();
        });
      });
      return identityAtStart.view().status === 'unlocked';
    };
    const again = await bench.open({ keyStore });
    expect(await unlocked(again)).toBe(true);
    expect((await again.lock()).status).toBe('locked');
    expect((await again.unlock({})).status).toBe('unlocked');

    keyStore.locked = true;
    const shut = await bench.open({ keyStore });
    expect(await unlocked(shut)).toBe(false);
    expect(shut.view().lockedReason).toMatch(/The key ring is locked\..*recovery phrase/);
    expect(await codeOf(shut.unlock({}))).toBe('KEY_STORE_UNAVAILABLE');
    const headless = await bench.open();
    expect(await unlocked(headless)).toBe(false);
    expect(headless.view().lockedReason).toMatch(/without a window/);
    // Unlocked meanwhile: the next attempt finds it so.
    keyStore.locked = false;
    expect((await shut.unlock({})).status).toBe('unlocked');

    // A passphrase in its place, without the present one: there is none.
    expect((await shut.seal({ sealing: underPassphrase })).sealedBy).toBe('passphrase');
    expect((await headless.unlock({ passphrase: PASSPHRASE })).status).toBe('unlocked');
    expect((await shut.seal({ passphrase: PASSPHRASE, sealing: { kind: 'keyStore' } })).sealedBy).toBe('keyStore');

    keyStore.forget();
    const lost = await bench.open({ keyStore });
    expect(await unlocked(lost)).toBe(false);
    expect(await codeOf(lost.unlock({}))).toBe('KEY_STORE_UNAVAILABLE');
    const back = await lost.restore({
      source: { kind: 'phrase', phrase: words.join(' ') },
      sealing: underPassphrase,
      replaceSealing: true,
    });
    expect(back).toMatchObject({ status: 'unlocked', sealedBy: 'passphrase' });
  });

  it('does not keep the node from stopping while the key store asks its owner', async () => {
    const keyStore = createMemoryKeyStore();
    const before = await bench.open({ keyStore, passphrase: PASSPHRASE });
    await before.seal({ passphrase: PASSPHRASE, sealing: { kind: 'keyStore' } });
    const asked = Promise.withResolvers<void>();
    const waiting = await bench.open({
      keyStore: {
        ...keyStore,
        state: keyStore.state,
        unprotect: () => {
          asked.resolve();
          return new Promise(() => undefined);
        },
      },
    });
    await asked.promise;
    expect(waiting.view().status).toBe('locked');
    await waiting.stop();
    expect(waiting.node()).toBeNull();
  });
});

describe('left-overs', () => {
  it('of a start that was cut short are no identity', async () => {
    const bench = await createSatchelBench();
    writeFileSync(join(bench.folder, 'identity.new'), 'half of one');
    const identity = await bench.open();
    expect(identity.view().status).toBe('none');
    expect(readdirSync(bench.folder)).toEqual([]);
    await bench.end();
  });
});
