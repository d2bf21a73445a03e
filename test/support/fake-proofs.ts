import type {
  Asset,
  AssetEvent,
  AssetProofs,
  BlockSummary,
  BlockView,
  Call,
  CallError,
  ChainHead,
  ChainVerification,
  PayloadOf,
  ProofEntry,
  ProofKind,
  ProofPlan,
  ProofVerdict,
  ProverState,
  Push,
  Reply,
  RequestInputOf,
  ResponseOf,
} from '../../preload/contract/index.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const GIB = 1024 ** 3;

/** 64 hexadecimal characters that depend on a text; no hash, but told apart as easily. */
export const fakeHash = (text: string): string => {
  let state = 0x811c9dc5;
  const next = (value: number): number => {
    state = Math.imul(state ^ value, 0x01000193) >>> 0;
    return state;
  };
  for (const character of text) next(character.charCodeAt(0));
  return Array.from({ length: 8 }, (_, index) => {
    next(index + 1);
    next(state >>> 13);
    return next(state >>> 7)
      .toString(16)
      .padStart(8, '0');
  }).join('');
};

const NODE = 'key:bmfzws43bmvqw4ylom5xw4zlpoj2gk3tfnz2hgzlnmvzgk43unfxg';
const KINDS: readonly ProofKind[] = ['space', 'stake', 'work', 'time'];
const SHOWN: Record<ProofKind, { reason: string; sizeBytes: number }> = {
  space: { reason: '64 of 64 places of 1 GiB were read and lie where the plot has them.', sizeBytes: 61_440 },
  stake: {
    reason: 'Both signatures hold; the certificate is self-made and the stake is 0, as in every home network.',
    sizeBytes: 4_212,
  },
  work: { reason: '402,653,184 multiplications, checked with error below 1 in 281 trillion.', sizeBytes: 34_816 },
  time: { reason: '2,000,000 steps one after the other, from block 12 on.', sizeBytes: 2_304 },
};

export const sampleVerdict = (asset: string, failed: readonly ProofKind[] = [], atMs = Date.now()): ProofVerdict => ({
  passed: failed.length === 0,
  combined: fakeHash(`combined ${asset} ${atMs}`),
  checks: KINDS.map((kind) =>
    failed.includes(kind)
      ? {
          kind,
          passed: false,
          code: 'CHALLENGE_MISMATCH',
          reason: 'It answers another challenge than the one of this proof.',
          sizeBytes: SHOWN[kind].sizeBytes,
        }
      : { kind, passed: true, code: null, ...SHOWN[kind] },
  ),
  asset,
  node: NODE,
  purpose: 'audit',
  issuedAtMs: atMs - 6_400,
  finishedAtMs: atMs,
  expiresAtMs: atMs + HOUR_MS,
  notes: ['The challenge is the prover’s own, so the file may have been made before anybody asked.'],
});

export const noProofs = (asset: Asset): AssetProofs => ({
  asset: asset.id,
  kind: asset.kind,
  resource: asset.resource,
  label: asset.label,
  present: asset.present,
  capacity: asset.capacity,
  unit: asset.unit,
  marks: KINDS.map((kind) => ({ kind, status: 'none', reason: 'It was never proved.', checkedAtMs: null })),
  proven: { known: false, reason: 'This asset was never proved; choose “Prove now”.' },
  history: [],
  nextAtMs: null,
});

/** An asset with a day of proofs behind it. */
export const sampleProofs = (asset: Asset, change: Partial<AssetProofs> = {}): AssetProofs => {
  const space = asset.kind === 'storage';
  const value = (step: number): number =>
    space ? GIB * (0.4 + 0.1 * Math.min(6, step)) : 4.1e8 + 2.4e7 * Math.sin(step * 1.7);
  const label = space ? 'Space on disk' : 'Matrix product, one thread';
  const unit = space ? ('bytes' as const) : ('multiplicationsPerSecond' as const);
  const now = Date.now();
  return {
    ...noProofs(asset),
    marks: KINDS.map((kind) => ({
      kind,
      status: 'passed',
      reason: SHOWN[kind].reason,
      checkedAtMs: now - 3 * MINUTE_MS,
    })),
    proven: { known: true, value: { label, value: value(11), unit } },
    history: Array.from({ length: 12 }, (_, step) => ({
      atMs: now - 3 * MINUTE_MS - (11 - step) * 2 * HOUR_MS,
      passed: step !== 5,
      capacity: step === 5 ? null : { label, value: value(step), unit },
    })),
    nextAtMs: now + 2 * HOUR_MS,
    ...change,
  };
};

export const proverOff = (reason: string): ProverState => ({
  status: 'off',
  reason,
  current: null,
  queue: [],
  plot: { wantedBytes: GIB, plottedBytes: 0 },
});
export const proverIdle = (): ProverState => ({
  status: 'idle',
  reason: 'Every asset is proved; the next proof is due in 2 hours.',
  current: null,
  queue: [],
  plot: { wantedBytes: GIB, plottedBytes: GIB },
});
export const proverWorking = (asset: string, queue: string[] = []): ProverState => ({
  status: 'working',
  reason: 'It uses 50 % of one core, as your limits allow.',
  current: {
    asset,
    step: 'work',
    progressPercent: 42,
    startedAtMs: Date.now() - 8_000,
    cancellable: true,
  },
  queue,
  plot: { wantedBytes: GIB, plottedBytes: 0.625 * GIB },
});
export const proverWaiting = (): ProverState => ({
  ...proverIdle(),
  status: 'waiting',
  reason: 'Nothing of the CPU is lent at the moment; it goes on when the level rises.',
});

const hashOf = (height: number): string => fakeHash(`block ${height}`);
const BLOCK_MS = 47 * MINUTE_MS;

/** A chain of `blocks` blocks over the assets, the oldest `pruned` without content, one of every thirteen sealed. */
export const sampleChain = (blocks: number, assets: readonly Asset[], pruned = 0): BlockSummary[] =>
  Array.from({ length: blocks }, (_, height) => {
    const asset = height === 0 ? null : (assets[(height - 1) % assets.length]?.id ?? null);
    const body = height < pruned ? 'pruned' : height % 13 === 7 ? 'sealed' : 'readable';
    return {
      height,
      hash: hashOf(height),
      previous: height === 0 ? null : hashOf(height - 1),
      timeMs: Date.now() - (blocks - height) * BLOCK_MS + 40 * MINUTE_MS,
      proposer: NODE,
      transactions: body === 'readable' ? 1 : null,
      kinds:
        body !== 'readable'
          ? []
          : [height === 0 ? 'network.genesis' : height <= assets.length ? 'asset.registered' : 'asset.proved'],
      asset: body === 'readable' ? asset : null,
      sealedBytes: 8_192,
      body,
    };
  });

export const headOf = (
  blocks: readonly BlockSummary[],
  blocked: string | null = null,
  awaitsImport = false,
): ChainHead => {
  const head = blocks.at(-1);
  return {
    network: head === undefined ? null : fakeHash('network'),
    height: head?.height ?? null,
    hash: head?.hash ?? null,
    timeMs: head?.timeMs ?? null,
    blocks: blocks.length,
    pruned: blocks.filter(({ body }) => body === 'pruned').length,
    storedBytes: blocks.reduce((sum, { body, sealedBytes }) => sum + 512 + (body === 'pruned' ? 0 : sealedBytes), 0),
    assets: new Set(blocks.flatMap(({ asset }) => (asset === null ? [] : [asset]))).size,
    blocked,
    awaitsImport,
  };
};

const eventsOf = (blocks: readonly BlockSummary[], asset: string): AssetEvent[] => {
  const events: AssetEvent[] = [];
  for (const block of blocks)
    if (block.asset === asset)
      events.push({
        asset,
        sequence: events.length,
        kind: block.kinds[0] ?? 'asset.proved',
        hash: fakeHash(`event ${block.height}`),
        previous: events.at(-1)?.hash ?? null,
        height: block.height,
        atMs: block.timeMs,
      });
  return events;
};

const viewOf = (block: BlockSummary, blocks: readonly BlockSummary[]): BlockView => {
  const readable = block.body === 'readable';
  const event = block.asset === null ? undefined : eventsOf(blocks, block.asset).find((e) => e.height === block.height);
  return {
    ...block,
    header: {
      version: 1,
      network: fakeHash('network'),
      height: block.height,
      previous: block.previous,
      merkleRoot: fakeHash(`root ${block.height}`),
      stateRoot: fakeHash(`state ${block.height}`),
      timeMs: block.timeMs,
      difficulty: block.height === 0 ? '0' : '404653184',
      proposer: block.proposer,
    },
    headerBytes: 412,
    sealed:
      block.body === 'pruned' ? null : { readers: 1, bytes: block.sealedBytes, paddingBytes: readable ? 1_204 : null },
    canonicalBytes: readable ? 12_480 : null,
    compressedBytes: readable ? 5_372 : null,
    transactionsList: readable
      ? [
          {
            hash: event?.hash ?? fakeHash(`event ${block.height}`),
            index: 0,
            kind: block.kinds[0] ?? 'asset.proved',
            asset: block.asset,
            previous: event?.previous ?? null,
            signer: block.proposer,
            atMs: block.timeMs,
            sizeBytes: 4_812,
            data:
              block.height === 0
                ? { name: 'home', version: 1 }
                : { cause: 'schedule', capacity: { unit: 'multiplicationsPerSecond', value: 412_000_000 } },
            leaf: fakeHash(`leaf ${block.height}`),
            inclusion: block.height === 0 ? [] : [fakeHash(`left ${block.height}`), fakeHash(`right ${block.height}`)],
          },
        ]
      : null,
    leaves: readable ? (block.height === 0 ? 1 : 4) : null,
    stateUpdates: readable
      ? block.height === 0
        ? []
        : [
            { key: `asset/${block.asset}`, removed: false, sizeBytes: 284 },
            { key: `asset/${block.asset}/draft`, removed: true, sizeBytes: 0 },
          ]
      : null,
    proof: readable && block.height > 0 ? sampleVerdict(block.asset ?? '', [], block.timeMs) : null,
  };
};

/** What a fake node keeps of proofs and of the chain. */
export interface ProofsState {
  prover: ProverState;
  proofs: AssetProofs[];
  proofPlan: ProofPlan;
  verdict: ProofVerdict;
  blocks: BlockSummary[];
  blocked: string | null;
  awaitsImport: boolean;
  verification: ChainVerification;
  transfers: ResponseOf<'chain:transfers'>;
}

export const noProofsState = (assets: readonly Asset[]): ProofsState => ({
  prover: proverOff('There is no identity to prove with; create one in Settings.'),
  proofs: assets.map(noProofs),
  proofPlan: { automatic: true, everyHours: 24, spaceBytes: GIB },
  verdict: sampleVerdict(assets[0]?.id ?? ''),
  blocks: [],
  blocked: 'There is no identity to sign with; create one in Settings.',
  awaitsImport: false,
  verification: { status: 'never' },
  transfers: { folder: '/home/owner/.local/share/hypermesh/transfer', files: [] },
});

type ProofsCall = Extract<Call, `proof:${string}` | `chain:${string}`>;
type ProofsHandlers = { [C in ProofsCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** What a fake node answers on proofs and on the chain: the real order of things, with nothing computed. */
export const fakeProofsHandlers = (
  state: ProofsState,
  unlocked: () => boolean,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): ProofsHandlers => {
  const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
  const refused = (name: string, code: string, message: string): { ok: false; error: CallError } => ({
    ok: false,
    error: { name, code, message },
  });
  const head = (): ChainHead => headOf(state.blocks, state.blocked, state.awaitsImport);
  const chainTold = (): ChainHead => {
    push('chain', head());
    return head();
  };
  const verification = (next: ChainVerification): Reply<ChainVerification> => {
    state.verification = next;
    push('verification', next);
    return ok(next);
  };
  const entriesOf = (proofs: AssetProofs): ProofEntry[] =>
    proofs.history
      .map((entry, index) => ({
        id: fakeHash(`${proofs.asset} ${index}`),
        asset: proofs.asset,
        purpose: 'block',
        madeAtMs: entry.atMs,
        tookMs: 6_412,
        sizeBytes: 102_772,
        verdict: sampleVerdict(proofs.asset, entry.passed ? [] : ['time'], entry.atMs),
        capacity:
          entry.capacity === null
            ? { known: false as const, reason: 'The proof failed.' }
            : { known: true as const, value: entry.capacity },
        cause: index % 4 === 0 ? ('asked' as const) : ('schedule' as const),
        height: index % 4 === 0 ? null : index,
      }))
      .toReversed();
  return {
    'proof:assets': () => ok(state.proofs),
    'proof:state': () => ok(state.prover),
    'proof:list': ({ asset, limit }) =>
      ok(
        state.proofs
          .filter((proofs) => asset === undefined || proofs.asset === asset)
          .flatMap(entriesOf)
          .slice(0, Number(limit ?? 50)),
      ),
    'proof:make': ({ asset }) => {
      if (!unlocked())
        return refused('ProverError', 'IDENTITY_LOCKED', 'The keys are locked; unlock them in Settings.');
      const proofs = state.proofs.find((entry) => entry.asset === asset);
      if (proofs === undefined)
        return refused('ProverError', 'ASSET_UNKNOWN', 'This machine has no such asset; see Machine.');
      const history = [
        ...proofs.history,
        {
          atMs: Date.now(),
          passed: true,
          capacity: {
            label: 'Matrix product, one thread',
            value: 4.2e8,
            unit: 'multiplicationsPerSecond' as const,
          },
        },
      ];
      const next: AssetProofs = {
        ...proofs,
        history,
        marks: proofs.marks.map(({ kind }) => ({
          kind,
          status: 'passed',
          reason: SHOWN[kind].reason,
          checkedAtMs: Date.now(),
        })),
      };
      state.proofs = state.proofs.map((entry) => (entry.asset === asset ? next : entry));
      push('proofs', state.proofs);
      const [entry] = entriesOf(next);
      return entry === undefined ? refused('ProverError', 'PROOF_FAILED', 'Nothing was made.') : ok(entry);
    },
    'proof:cancel': () => {
      state.prover = { ...proverIdle(), reason: 'You cancelled the last proof; the schedule takes it up again.' };
      push('prover', state.prover);
      return ok(state.prover);
    },
    'proof:file': ({ id }) => ok({ fileName: `proof-${id.slice(0, 8)}.hmproof`, file: btoa(`proof ${id}`) }),
    'proof:verify': () => ok(state.verdict),
    'proof:getPlan': () => ok(state.proofPlan),
    'proof:setPlan': (change) => {
      state.proofPlan = { ...state.proofPlan, ...(change as Partial<ProofPlan>) };
      return ok(state.proofPlan);
    },
    'chain:head': () => ok(head()),
    'chain:list': ({ before, limit }) =>
      ok(
        state.blocks
          .filter(({ height }) => height < Number(before ?? Number.POSITIVE_INFINITY))
          .slice(-Number(limit ?? 50))
          .toReversed(),
      ),
    'chain:block': ({ height }) => {
      const block = state.blocks.find((entry) => entry.height === Number(height));
      return block === undefined
        ? refused(
            'BlockError',
            'BLOCK_UNKNOWN',
            `There is no block ${String(height)}; the newest is ${state.blocks.length - 1}.`,
          )
        : ok(viewOf(block, state.blocks));
    },
    'chain:asset': ({ asset }) => ok(eventsOf(state.blocks, asset)),
    'chain:verification': () => ok(state.verification),
    'chain:verify': () =>
      state.blocks.length === 0
        ? refused('BlockError', 'CHAIN_EMPTY', 'There is no block yet, so there is nothing to verify.')
        : verification({
            status: 'running',
            startedAtMs: Date.now(),
            checked: 0,
            total: state.blocks.length,
            blocksPerSecond: 0,
          }),
    'chain:cancelVerify': () =>
      verification(
        state.verification.status === 'running'
          ? {
              status: 'cancelled',
              startedAtMs: state.verification.startedAtMs,
              checked: state.verification.checked,
              total: state.verification.total,
            }
          : state.verification,
      ),
    'chain:prune': ({ keep }) => {
      const from = state.blocks.length - keep;
      state.blocks = state.blocks.map((block) =>
        block.height < from ? { ...block, body: 'pruned', transactions: null, kinds: [], asset: null } : block,
      );
      return ok(chainTold());
    },
    'chain:export': ({ from, to, readable }) => {
      const blocks = Math.min(state.blocks.length - 1, to ?? Number.POSITIVE_INFINITY) - (from ?? 0) + 1;
      const name = `chain-${from ?? 0}-${readable === false ? 'sealed' : 'readable'}.hmchain`;
      const file = { name, sizeBytes: blocks * 8_704, modifiedAtMs: Date.now() };
      state.transfers = { ...state.transfers, files: [file, ...state.transfers.files] };
      return ok({ path: `${state.transfers.folder}/${name}`, name, sizeBytes: file.sizeBytes, blocks });
    },
    'chain:transfers': () => ok(state.transfers),
    'chain:import': () => ok(chainTold()),
    'chain:begin': () => {
      [state.awaitsImport, state.blocked] = [false, null];
      return ok(chainTold());
    },
  };
};
