import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIdentityFile } from '../../../../main/apps/satchel/identity-file.ts';
import { type Made, type OpenOutput, satchelWork } from '../../../../main/apps/satchel/work.ts';
import { startChild } from '../../../support/child.ts';
import { PASSPHRASE, QUICK_COSTS, type SatchelBench, createSatchelBench } from '../../../support/satchel.ts';
import { type TinyDisk, canMount, mountTinyDisk } from '../../../support/tiny-disk.ts';

const child = join(import.meta.dirname, '../../../support/children/keep-identity.ts');
const random = new Uint8Array(32).fill(3);
const vector = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../vectors/identity/identity.json'), 'utf8'),
) as Record<string, string>;
const open = (file: Uint8Array, passphrase: string): Promise<OpenOutput> =>
  satchelWork.open({ file, openWith: { passphrase }, random });

let roots: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-cut-'));
  roots.push(folder);
  return folder;
};
/** The identity of the vectors, under {@link PASSPHRASE} and quick to open. */
let file: Uint8Array;
beforeAll(async () => {
  const opened = await satchelWork.open({
    file: new Uint8Array(Buffer.from(vector['identityUnderPassphrase'] ?? '', 'hex')),
    openWith: { passphrase: vector['passphrase'] ?? '' },
    random,
  });
  if (!opened.ok) throw new Error('the vector does not open');
  const made: Made = await satchelWork.seal({
    secrets: opened.secrets,
    certificate: opened.part.encoded,
    random,
    sealWith: {
      header: { kind: 'passphrase', salt: new Uint8Array(16), nonce: new Uint8Array(12), costs: QUICK_COSTS },
      passphrase: PASSPHRASE,
    },
  });
  ({ file } = made);
});
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
  roots = [];
});

/** Each kill starts a process of its own. */
const MS_MAX = 240_000;

describe('a process that is killed', { timeout: MS_MAX }, () => {
  it('while it creates leaves no identity or a whole one', async () => {
    const outcomes: string[] = [];
    // From the derivation to after the answer; how long either takes depends on the machine.
    for (const waitMs of [200, 900, 1300, 1700]) {
      const folder = newFolder();
      const process = startChild(child, [folder, 'create', PASSPHRASE]);
      await process.nextLine();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await process.kill();
      const left = readdirSync(folder).includes('identity');
      const whole = left && (await open(readFileSync(join(folder, 'identity')), PASSPHRASE)).ok;
      expect(whole, 'what is there is whole').toBe(left);
      expect(left || !process.lines.includes('created'), 'what was acknowledged is there').toBe(true);
      outcomes.push(left ? 'whole' : 'none');
    }
    expect(outcomes[0]).toBe('none');
  });

  it('while it seals anew leaves the identity under the old or the new passphrase', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'identity'), file);
    let present = PASSPHRASE;
    let acknowledged = 0;
    for (let kill = 0; kill < 5; kill++) {
      const process = startChild(child, [folder, 'seal', present, `of start ${kill}`]);
      await process.nextLine();
      const heard: string[] = [];
      // Every other one is killed in its second sealing, however slow the machine is.
      if (kill % 2 === 1) heard.push(await process.nextLine());
      // Spread over the 100 to 300 ms that one sealing takes.
      await new Promise((resolve) => setTimeout(resolve, 60 * kill));
      await process.kill();
      const sealed = [...heard, ...process.lines].filter((line) => line.startsWith('sealed '));
      acknowledged += sealed.length;
      const last = sealed.at(-1)?.slice('sealed '.length) ?? present;
      const next = `passphrase of start ${kill} ${sealed.length + 1}`;
      const left = readFileSync(join(folder, 'identity'));
      const opened = await Promise.all([open(left, last), open(left, next)]);
      // Nothing that was acknowledged is undone, and nothing is lost.
      const [underLast, underNext] = opened.map(({ ok }) => ok);
      expect([underLast, underNext].filter(Boolean), `kill ${kill}`).toHaveLength(1);
      present = underLast === true ? last : next;
      const read = readIdentityFile(left);
      expect(read.ok && Buffer.from(read.certificate).toString('hex')).toBe(vector['certificate']);
    }
    expect(acknowledged).toBeGreaterThan(0);
  });
});

describe.skipIf(!canMount)(
  'a full disk (skipped where this user may not mount a file system)',
  { timeout: MS_MAX },
  () => {
    let disk: TinyDisk;
    let bench: SatchelBench;
    beforeAll(async () => {
      const mounted = mountTinyDisk(64 * 1024);
      if (mounted === null) throw new Error('it was mounted a moment ago');
      disk = mounted;
      bench = await createSatchelBench(disk.path);
    });
    afterAll(async () => {
      await bench.end();
      disk.remove();
    });
    const fill = (): void => {
      try {
        for (;;) writeFileSync(join(disk.path, 'filler'), Buffer.alloc(4096), { flag: 'a' });
      } catch {
        // It is full now.
      }
    };

    it('costs neither the phrase nor the identity', async () => {
      const identity = await bench.open();
      fill();
      const { draftId, words, ask } = await identity.begin();
      const confirm = () =>
        identity.confirm({
          draftId,
          words: ask.map((place) => words[place - 1] ?? ''),
          sealing: { kind: 'passphrase', passphrase: PASSPHRASE },
        });
      await expect(confirm()).rejects.toMatchObject({ code: 'IDENTITY_NOT_WRITTEN', data: { reason: 'ENOSPC' } });
      expect(readdirSync(disk.path)).toEqual(['filler']);
      expect(identity.view().status).toBe('none');
      rmSync(join(disk.path, 'filler'));
      // The same words, once there is room.
      expect((await confirm()).status).toBe('unlocked');
      const before = readFileSync(bench.path);
      fill();
      await expect(
        identity.seal({ passphrase: PASSPHRASE, sealing: { kind: 'passphrase', passphrase: 'another one' } }),
      ).rejects.toMatchObject({ code: 'IDENTITY_NOT_WRITTEN' });
      expect(readFileSync(bench.path)).toEqual(before);
      expect(identity.view().status).toBe('unlocked');
      disk.makeReadOnly();
      await expect(
        identity.seal({ passphrase: PASSPHRASE, sealing: { kind: 'passphrase', passphrase: 'another one' } }),
      ).rejects.toMatchObject({ code: 'IDENTITY_NOT_WRITTEN', data: { reason: 'EROFS' } });
      expect((await bench.open({ passphrase: PASSPHRASE })).view().status).toBe('unlocked');
    });
  },
);
