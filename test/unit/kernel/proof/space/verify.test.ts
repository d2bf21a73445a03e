import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, sha256 } from '../../../../../main/base/index.ts';
import { signRecord } from '../../../../../main/base/crypto/signed-record.ts';
import { deriveKeys } from '../../../../../main/base/crypto/derive-keys.ts';
import { type Challenge, challengeHashOf } from '../../../../../main/kernel/proof/index.ts';
import {
  decodeOpening,
  decodeSpaceProof,
  encodeOpening,
  encodeSpaceProof,
  type Opening,
  type SpaceProof,
} from '../../../../../main/kernel/proof/space/format.ts';
import { answerMsMaxOf, verifySpace } from '../../../../../main/kernel/proof/space/index.ts';
import type { ChunkRootsInput, LabelsInput } from '../../../../../main/kernel/proof/space/tasks.ts';
import { spaceTasks } from '../../../../../main/kernel/proof/space/tasks.ts';
import {
  challengeOf,
  contextOf,
  inlineWorkers,
  keyOf,
  never,
  noProgress,
  plotBench,
  type PlotBench,
  proveWith,
  TINY,
  TINY_WINDOW_BYTES,
  unlimitedPace,
} from '../../../../support/plots.ts';

const owner = keyOf('owner');
const challenge = challengeOf(owner);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const codeOf = (proof: Uint8Array, attachments: ReadonlyMap<string, Uint8Array>, of: Challenge = challenge) =>
  verifySpace(proof, contextOf(of, attachments)).code;

/** A proof whose only opening is exchanged, as an attacker would: under its right name. */
const withOpening = (
  proof: Uint8Array,
  opening: Uint8Array,
): { proof: Uint8Array; attachments: Map<string, Uint8Array> } => {
  const decoded = decodeSpaceProof(proof);
  const name = Uint8Array.from(sha256(opening));
  return {
    proof: encodeSpaceProof({ ...decoded, plots: decoded.plots.map((plot) => ({ ...plot, opening: name })) }),
    attachments: new Map([[hex(name), opening]]),
  };
};

const made: PlotBench[] = [];
const plotted = async (
  init: Parameters<typeof plotBench>[0] = {},
  options: Parameters<typeof plotBench>[1] & { of?: Uint8Array; windows?: number } = {},
): Promise<PlotBench> => {
  const bench = plotBench(init, options);
  made.push(bench);
  await bench.plots.open();
  const windowBytes = (init.windowLabels ?? TINY.windowLabels) * 32;
  await bench.plots.setSize(
    (options.windows ?? 3) * windowBytes,
    options.of ?? owner,
    unlimitedPace,
    noProgress,
    never(),
  );
  return bench;
};
afterAll(() => {
  for (const bench of made) bench.remove();
});

describe('a proof of space', () => {
  let bench: PlotBench;
  let proof: Uint8Array;
  let attachments: Map<string, Uint8Array>;
  let opening: Uint8Array;
  beforeAll(async () => {
    bench = await plotted();
    ({ proof, attachments } = await proveWith(bench.plots, challenge));
    opening = [...attachments.values()][0] as Uint8Array;
  });

  it('holds, and says how much space it shows and what it does not', () => {
    const finding = verifySpace(proof, contextOf(challenge, attachments));
    expect(finding).toMatchObject({ kind: 'space', passed: true, code: null });
    expect(finding.shown).toEqual({
      bytes: 3 * TINY_WINDOW_BYTES,
      plots: 1,
      windows: 3,
      answerMsLimit: answerMsMaxOf(TINY.windowLabels, TINY.layers),
    });
    expect(finding.reason).toContain('12 KiB in 1 plot');
    expect(finding.reason).toContain('No peer has witnessed the network place');
    expect(finding.reason).toContain('Nobody timed the answer');
  });

  it('holds over several plots, each counted once', async () => {
    await bench.plots.setSize(5 * TINY_WINDOW_BYTES, owner, unlimitedPace, noProgress, never());
    const both = await proveWith(bench.plots, challenge);
    const finding = verifySpace(both.proof, contextOf(challenge, both.attachments));
    expect(finding).toMatchObject({ passed: true, shown: { bytes: 5 * TINY_WINDOW_BYTES, plots: 2, windows: 5 } });
    const decoded = decodeSpaceProof(both.proof);
    const [first, second] = decoded.plots as [SpaceProof['plots'][number], SpaceProof['plots'][number]];
    const of = (plots: SpaceProof['plots']) => codeOf(encodeSpaceProof({ ...decoded, plots }), both.attachments);
    expect(of([first, first])).toBe('PLOT_REPEATED');
    expect(of([second, first])).toBe('PLOT_REPEATED');
    expect(of([first])).toBeNull();
    expect(of([])).toBe('NO_PLOTS');
  });

  it('counts for no other node, asset, purpose, nonce, network, issuer, time or anchor', () => {
    const others: Partial<Challenge>[] = [
      { node: keyOf('another node') },
      { asset: 'asset:cpu:b'.padEnd(69, 'a') as Challenge['asset'] },
      { purpose: 'block' },
      { nonce: keyOf('another nonce') },
      { network: keyOf('another network') },
      { issuer: keyOf('another issuer') },
      { issuedAtMs: challenge.issuedAtMs + 1 },
      { expiresAtMs: challenge.expiresAtMs + 1 },
      { anchor: { height: 1, hash: keyOf('block') } },
    ];
    for (const change of others) {
      const other = challengeOf(owner, change);
      expect(codeOf(proof, attachments, other), JSON.stringify(Object.keys(change))).toBe('CHALLENGE_MISMATCH');
      // The same answer under the other challenge's name: the labels that it draws are others.
      const renamed = encodeSpaceProof({ ...decodeSpaceProof(proof), challenge: challengeHashOf(other) });
      expect(['ANSWER_ROOT', 'ANSWER_SHAPE', 'PLOT_FOREIGN']).toContain(codeOf(renamed, attachments, other));
    }
  });

  it('refuses the plot of another owner, and one that was renamed to the node', async () => {
    const thief = keyOf('thief');
    const stolen = challengeOf(thief);
    const renamed = encodeSpaceProof({ ...decodeSpaceProof(proof), challenge: challengeHashOf(stolen) });
    expect(codeOf(renamed, attachments, stolen)).toBe('PLOT_FOREIGN');
    const decoded = decodeOpening(opening);
    const forged = withOpening(renamed, encodeOpening({ ...decoded, plot: { ...decoded.plot, owner: thief } }));
    expect(['ANSWER_ROOT', 'ANSWER_SHAPE']).toContain(codeOf(forged.proof, forged.attachments, stolen));
    await expect(proveWith(bench.plots, stolen)).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
  });

  it('asks for as much as is required', () => {
    const of = (space: Parameters<typeof contextOf>[2], after: number | null = null) =>
      verifySpace(proof, contextOf(challenge, attachments, space, after));
    expect(of({ bytesMin: 3 * TINY_WINDOW_BYTES }).code).toBeNull();
    expect(of({ bytesMin: 3 * TINY_WINDOW_BYTES + 1 }).code).toBe('TOO_LITTLE_SPACE');
    expect(of({ windowLabelsMin: 129 }).code).toBe('WINDOW_TOO_SMALL');
    expect(of({ openingsMin: TINY.openings + 1 }).code).toBe('TOO_FEW_OPENINGS');
    expect(of({ answersMin: TINY.answers + 1 }).code).toBe('TOO_FEW_ANSWERS');
    expect(of({ answerMsMax: 100 }, 101).code).toBe('TOO_LATE');
    expect(of({ answerMsMax: 100 }, 100).reason).toContain('could also have been computed');
    expect(of({}, 0).reason).toContain('sooner than a window can be computed');
  });

  it('needs the opening, and exactly that', () => {
    expect(codeOf(proof, new Map())).toBe('OPENING_MISSING');
    const name = [...attachments.keys()][0] as string;
    expect(codeOf(proof, new Map([[name, opening.subarray(1)]]))).toBe('OPENING_HASH');
    const cut = withOpening(proof, opening.subarray(0, -1));
    expect(codeOf(cut.proof, cut.attachments)).toBe('PROOF_MALFORMED');
  });

  it('refuses an opening with changed parts', () => {
    const decoded = decodeOpening(opening);
    const first = decoded.windows[0] as Opening['windows'][number];
    const rest = decoded.windows.slice(1);
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte));
    const of = (change: Partial<Opening>): string | null => {
      const forged = withOpening(proof, encodeOpening({ ...decoded, ...change }));
      return codeOf(forged.proof, forged.attachments);
    };
    expect(of({})).toBeNull();
    expect(of({ windows: [{ ...first, columns: flipped(first.columns) }, ...rest] })).toMatch(
      /LABEL_WRONG|OPENING_ROOT/,
    );
    expect(of({ windows: [{ ...first, columnPath: flipped(first.columnPath) }, ...rest] })).toBe('OPENING_ROOT');
    expect(of({ windows: [{ ...first, lastPath: flipped(first.lastPath) }, ...rest] })).toBe('OPENING_ROOT');
    expect(of({ windows: rest })).toBe('OPENING_SHAPE');
    expect(of({ windows: [...decoded.windows, first] })).toBe('OPENING_SHAPE');
    const longer = new Uint8Array([...first.columnPath, ...new Uint8Array(32)]);
    expect(of({ windows: [{ ...first, columnPath: longer }, ...rest] })).toBe('OPENING_SHAPE');
    expect(of({ windows: [{ ...first, columnPath: first.columnPath.subarray(32) }, ...rest] })).toBe('OPENING_SHAPE');
    // Other columns than the root draws.
    expect(of({ grind: decoded.grind + 1 })).toMatch(/GRIND_INVALID|OPENING_SHAPE|LABEL_WRONG|OPENING_ROOT/);
    expect(of({ openings: decoded.openings + 1 })).toMatch(/OPENING_SHAPE|LABEL_WRONG|OPENING_ROOT/);
    expect(of({ root: flipped(decoded.root) })).toMatch(/ANSWER/);
    expect(of({ plot: { ...decoded.plot, windows: 4 } })).toMatch(/ANSWER/);
  });

  it('tells a newer version from nonsense', () => {
    expect(codeOf(new Uint8Array(0), attachments)).toBe('PROOF_MALFORMED');
    expect(codeOf(new Uint8Array(2 * 1024 * 1024), attachments)).toBe('PROOF_TOO_LARGE');
    const value = decodeCbor(proof) as Record<string, unknown>;
    expect(codeOf(encodeCbor({ ...value, v: 2 }), attachments)).toBe('PROOF_VERSION');
    expect(codeOf(encodeCbor({ ...value, extra: 1 }), attachments)).toBe('PROOF_MALFORMED');
    expect(codeOf(encodeCbor({ ...value, kind: 'work' }), attachments)).toBe('PROOF_MALFORMED');
  });

  it('checks what peers witnessed', () => {
    const { node } = deriveKeys(new Uint8Array(32).fill(7));
    const payload = { challenge: challengeHashOf(challenge), rttMs: 12.5, atMs: challenge.issuedAtMs + 10 };
    const decoded = decodeSpaceProof(proof);
    const sign = (said: unknown, domain: 'proof-witness' | 'probe' = 'proof-witness'): Uint8Array =>
      signRecord(node.public, node.secret, domain, encodeCbor(said));
    const of = (witnesses: Uint8Array[], addresses: string[] = []) =>
      verifySpace(encodeSpaceProof({ ...decoded, place: { addresses, witnesses } }), contextOf(challenge, attachments));
    const good = sign(payload);
    expect(of([good], ['/ip4/192.0.2.1/udp/4001/quic-v1'])).toMatchObject({
      passed: true,
      shown: { roundTripMs: 12.5 },
    });
    expect(of([good]).reason).toContain('the nearest at 13 ms');
    for (const bad of [
      [good, good],
      [sign({ ...payload, challenge: keyOf('another') })],
      [sign({ ...payload, rttMs: -1 })],
      [sign({ ...payload, more: 1 })],
      [sign(payload, 'probe')],
      [good.subarray(0, -1)],
      [good.map((byte, at) => (at === good.length - 9 ? byte ^ 4 : byte))],
    ])
      expect(of(bad).code).toBe('WITNESS_INVALID');
    expect(of([], ['with space']).code).toBe('PROOF_MALFORMED');
  }, 30_000);

  it('is checked by code that does not import what made it', () => {
    const room = new URL('../../../../../main/kernel/proof/space/', import.meta.url);
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      for (const [, found] of readFileSync(new URL(name, room), 'utf8').matchAll(/from '\.\/([\w-]+\.ts)'/g))
        visit(found as string);
    };
    visit('verify.ts');
    expect([...seen].toSorted()).toEqual(['deadline.ts', 'errors.ts', 'format.ts', 'verify.ts']);
  });
});

describe('an attacker', () => {
  /** Plots with altered tasks, then proves as if all were well. */
  const attack = async (
    altered: Parameters<typeof inlineWorkers>[0],
    init: Parameters<typeof plotBench>[0] = {},
    windows = 3,
  ): Promise<string | null> => {
    const bench = await plotted(init, { workers: inlineWorkers(altered), windows });
    const { proof, attachments } = await proveWith(bench.plots, challenge);
    return codeOf(proof, attachments);
  };
  const honest = spaceTasks['space.labels'] as NonNullable<(typeof spaceTasks)[string]>;
  const nothing = { report: () => undefined };
  const labelsOf = ({ memory, layer }: LabelsInput): Uint8Array =>
    new Uint8Array(memory.labels, (layer - 1) * memory.windowLabels * 32, memory.windowLabels * 32);

  it('passes when it changes nothing: the attack itself works', async () => {
    expect(await attack({ 'space.labels': honest })).toBeNull();
  });

  it('cannot put cheap labels under a right root', async () => {
    const garbage = await attack({
      'space.labels': (input) => {
        const { from, to, layer } = input as LabelsInput;
        const labels = labelsOf(input as LabelsInput);
        for (let node = from; node < to; node++) labels.set(sha256(Buffer.from(`cheap ${layer} ${node}`)), node * 32);
      },
    });
    expect(garbage).toBe('LABEL_WRONG');
  });

  it('cannot leave a layer out', async () => {
    for (const skipped of [1, 4, TINY.layers])
      expect(
        await attack({
          'space.labels': (input) => {
            const task = input as LabelsInput;
            if (task.layer !== skipped) return honest(task, nothing);
            const below = skipped === 1 ? new Uint8Array(TINY_WINDOW_BYTES) : labelsOf({ ...task, layer: skipped - 1 });
            labelsOf(task).set(below);
            return undefined;
          },
        }),
      ).toBe('LABEL_WRONG');
  });

  it('cannot use another seed, such as that of another owner’s plot', async () => {
    expect(
      await attack({
        'space.labels': (input) => honest({ ...(input as LabelsInput), seed: keyOf('another seed') }, nothing),
      }),
    ).toBe('LABEL_WRONG');
  });

  it('cannot use one window for all', async () => {
    let first: Uint8Array | null = null;
    expect(
      await attack({
        'space.labels': (input) => {
          const task = input as LabelsInput;
          first ??= task.seed;
          return honest({ ...task, seed: first }, nothing);
        },
      }),
    ).toBe('LABEL_WRONG');
  });

  it('cannot commit to another last layer than the one that was computed', async () => {
    const roots = spaceTasks['space.chunkRoots'] as NonNullable<(typeof spaceTasks)[string]>;
    const code = await attack({
      'space.chunkRoots': (input) => {
        const task = input as ChunkRootsInput;
        // After the columns are committed to, all labels of the last layer become zero, which takes no space.
        if (task.kind === 'last') labelsOf({ memory: task.memory, layer: TINY.layers } as LabelsInput).fill(0);
        return roots(task, nothing);
      },
    });
    expect(code).toMatch(/LABEL_WRONG|OPENING_ROOT/);
  });

  it('is found out with a quarter of the labels false, at the openings of real plots', async () => {
    // Chance to pass: 0.75^80, one in 10^10.
    expect(
      await attack(
        {
          'space.labels': (input) => {
            const task = input as LabelsInput;
            honest(task, nothing);
            for (let node = task.from; node < task.to; node++)
              if (node % 4 === 3) labelsOf(task).fill(0, node * 32, node * 32 + 32);
          },
        },
        { openings: 80 },
      ),
    ).toBe('LABEL_WRONG');
  });

  it('cannot answer from a quarter of the space', async () => {
    const bench = await plotted({ answers: 16 });
    for (let round = 0; round < 20; round++) {
      const asked = challengeOf(owner, { nonce: keyOf(`round ${round}`) });
      const { proof, attachments } = await proveWith(bench.plots, asked);
      const decoded = decodeSpaceProof(proof);
      // It has kept a quarter of the labels, all paths and all roots, and answers the others with zeros.
      const plots = decoded.plots.map((plot) => ({
        ...plot,
        windows: plot.windows.map((window) => ({
          ...window,
          labels: window.labels.map((byte, at) =>
            (window.labels[Math.floor(at / 32) * 32] as number) < 64 ? byte : 0,
          ),
        })),
      }));
      expect(codeOf(proof, attachments, asked)).toBeNull();
      expect(codeOf(encodeSpaceProof({ ...decoded, plots }), attachments, asked)).toBe('ANSWER_ROOT');
    }
  });
});

describe('every byte of proof and opening', () => {
  it('counts: 10 000 and more mutations, none accepted', async () => {
    const bench = await plotted({ openings: 2, answers: 16 });
    const { proof, attachments } = await proveWith(bench.plots, challenge);
    const opening = [...attachments.values()][0] as Uint8Array;
    const context = contextOf(challenge, attachments);
    expect(verifySpace(proof, context).passed).toBe(true);
    let mutations = 0;
    const codes = new Map<string, number>();
    const count = (finding: ReturnType<typeof verifySpace>): void => {
      mutations += 1;
      if (finding.passed || finding.code === 'CHECK_FAILED')
        throw new Error(`mutation ${mutations}: ${finding.code} ${finding.reason}`);
      codes.set(finding.code as string, (codes.get(finding.code as string) ?? 0) + 1);
    };
    const flip = (bytes: Uint8Array, at: number, bit: number): Uint8Array => {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] as number) ^ (1 << bit);
      return copy;
    };
    // Every byte of the proof, and every byte of the opening: under its old name now and then, under its right one always.
    for (let at = 0; at < proof.length; at++) count(verifySpace(flip(proof, at, (at * 5) % 8), context));
    const name = [...attachments.keys()][0] as string;
    for (let at = 0; at < opening.length; at++) {
      const changed = flip(opening, at, at % 8);
      if (at % 16 === 0) count(verifySpace(proof, contextOf(challenge, new Map([[name, changed]]))));
      const forged = withOpening(proof, changed);
      count(verifySpace(forged.proof, contextOf(challenge, forged.attachments)));
    }
    expect(mutations).toBeGreaterThan(10_000);
    console.log(mutations, proof.length, opening.length);
    // Not all of them fail at the same first check.
    for (const code of [
      'PROOF_MALFORMED',
      'CHALLENGE_MISMATCH',
      'ANSWER_ROOT',
      'OPENING_HASH',
      'LABEL_WRONG',
      'OPENING_ROOT',
    ])
      expect(codes.get(code) ?? 0, code).toBeGreaterThan(0);
  });
});
