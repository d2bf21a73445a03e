/** A mistake that somebody could make in main/, as a change of its text. No program of ours knows of these; test/sim/planting.ts makes them. */
export interface PlantedFault {
  name: string;
  /** In words: what is wrong then. */
  what: string;
  /** From the root of the repository. */
  file: string;
  /** Stands there exactly once. */
  find: string;
  replace: string;
  level: 'core' | 'replica';
  /** Seeds within which it has to be found. */
  seedsMax: number;
}

const CORE = 'main/kernel/consensus/core/create-core.ts';
const CAESAR = 'main/apps/caesar/ledger/create-caesar-app.ts';
const HEAD = 'main/kernel/consensus/replica/head.ts';

export const FAULTS: readonly PlantedFault[] = [
  {
    name: 'quorum-half',
    what: 'More than half of the power is a quorum.',
    file: 'main/kernel/consensus/formats/validators.ts',
    find: '3 * power > 2 * total',
    replace: '2 * power > total',
    level: 'core',
    seedsMax: 300,
  },
  {
    name: 'lock-forgotten',
    what: 'Prevotes for any block, whatever it is locked on.',
    file: CORE,
    find: 'const isFree = h.locked === null || h.locked.round <= validRound || sameBytes(h.locked.block, block);',
    replace: 'const isFree = true;',
    level: 'core',
    seedsMax: 300,
  },
  {
    name: 'proof-of-lock-unchecked',
    what: 'Believes a proposer that a block had its prevotes in an earlier round.',
    file: CORE,
    find: 'if (validRound >= 0 && !h.book.isBacked(validRound, block)) return false;',
    replace: '',
    level: 'core',
    seedsMax: 600,
  },
  {
    name: 'lock-not-written',
    what: 'A lock is forgotten by a crash.',
    file: CORE,
    find: 'encodeEntry({ self: h.self, message, locked: h.locked, valid, proof })',
    replace: 'encodeEntry({ self: h.self, message, locked: null, valid: null, proof: [] })',
    level: 'core',
    seedsMax: 600,
  },
  {
    name: 'recovery-ignores-log',
    what: 'What was signed before a crash is not read after it.',
    file: CORE,
    find: 'recovered = entries.map(decodeEntry);',
    replace: 'recovered = entries.map(decodeEntry).slice(0, 0);',
    level: 'core',
    seedsMax: 200,
  },
  {
    name: 'block-unchecked',
    what: 'Votes for blocks that do not hold.',
    file: CORE,
    find: '(input.valid ? h.sound : h.unsound).add(hexOf(input.block));',
    replace: 'h.sound.add(hexOf(input.block));',
    level: 'core',
    seedsMax: 300,
  },
  {
    name: 'proposer-unchecked',
    what: 'Takes a proposal of anybody.',
    file: CORE,
    find: 'else if (sameBytes(message.proposer, proposerOf(h, message.round)))',
    replace: 'else',
    level: 'core',
    seedsMax: 300,
  },
  {
    name: 'round-never-ends',
    what: 'Does not go on when the precommits of a round do not agree.',
    file: CORE,
    find: "if (h.step !== 'commit' && h.step !== 'waiting') startRound(h, round + 1, h.book.votes(round, 'precommit'));",
    replace: '',
    level: 'core',
    seedsMax: 200,
  },
  {
    name: 'signed-before-written',
    what: 'Signs before the log entry is where it survives.',
    file: 'main/kernel/consensus/replica/agreement.ts',
    find: 'await remember(CORE_ENTRY, entry);',
    replace: 'void remember(CORE_ENTRY, entry).catch(() => undefined);',
    level: 'replica',
    seedsMax: 1000,
  },
  {
    name: 'evidence-dropped',
    what: 'Evidence is found and never put into a block.',
    file: 'main/kernel/consensus/replica/evidence-pool.ts',
    find: 'picked.push(evidence);',
    replace: '',
    level: 'replica',
    seedsMax: 200,
  },
  {
    name: 'evidence-unchecked',
    what: 'Believes whoever accuses somebody.',
    file: 'main/kernel/consensus/light/verify-evidence.ts',
    find: 'if (!holds.every(Boolean))',
    replace: 'if (holds.length === 0)',
    level: 'replica',
    seedsMax: 300,
  },
  {
    name: 'commit-unchecked',
    what: 'Blocks that it catches up with need nobody’s signature.',
    file: 'main/kernel/consensus/replica/sync.ts',
    find: 'const problem = await verify.commit(commit, at.validators);',
    replace: 'const problem: string | null = null as string | null;',
    level: 'replica',
    seedsMax: 1000,
  },
  {
    name: 'chunk-unchecked',
    what: 'Takes any entries for those of a snapshot.',
    file: 'main/kernel/consensus/state/snapshot.ts',
    find: "if (read.hash !== hashes[piece]) throw wrong('its entries are others');",
    replace: '',
    level: 'replica',
    seedsMax: 300,
  },
  {
    name: 'time-unchecked',
    what: 'A block may be of any time to come.',
    file: 'main/kernel/consensus/replica/block-checks.ts',
    find: 'if (!vouched && said.timeMs > clock.nowMs() + at.params.clockAheadMs)',
    replace: 'if (said.timeMs < 0)',
    level: 'replica',
    seedsMax: 1000,
  },
  {
    name: 'state-root-unchecked',
    what: 'Does not compare the state that a block leads to.',
    file: HEAD,
    find: "if (!sameBytes(after.root(), block.header.stateRoot)) return refused('it leads to another state');",
    replace: '',
    level: 'replica',
    seedsMax: 300,
  },
  {
    name: 'next-set-unchecked',
    what: 'Believes the proposer who the next validators are.',
    file: HEAD,
    find: 'if (nextValidators.length === 0 || !sameBytes(setHash(nextValidators), block.header.nextValidators))',
    replace: 'if (nextValidators.length === 0)',
    level: 'replica',
    seedsMax: 500,
  },
  {
    name: 'nonce-stays',
    what: 'The nonce of an account is not counted on, so a transaction can be done again.',
    file: CAESAR,
    find: 'own.setAccount(signer, { ...account, nonce: account.nonce + 1 });',
    replace: '',
    level: 'replica',
    seedsMax: 100,
  },
  {
    name: 'fee-not-taken',
    what: 'Fees are given out and taken from nobody.',
    file: CAESAR,
    find: "debit(own, signer, fee, 'The fee of this transaction');",
    replace: '',
    level: 'replica',
    seedsMax: 100,
  },
  {
    name: 'network-unchecked',
    what: 'Transactions of other networks hold here.',
    file: CAESAR,
    find: 'sameBytes(signed.transaction.network, place.network),',
    replace: 'place.network.length > 0,',
    level: 'replica',
    seedsMax: 200,
  },
  {
    name: 'overdraft',
    what: 'Spends what is not there.',
    file: 'main/apps/caesar/ledger/accounts.ts',
    find: 'if (account.balance < amount)',
    replace: 'if (amount < 0n)',
    level: 'replica',
    seedsMax: 300,
  },
  {
    name: 'escrow-paid-twice',
    what: 'The borrower gets back what was paid, too.',
    file: 'main/apps/caesar/ledger/escrows.ts',
    find: 'credit(books, account, record.back);',
    replace: 'credit(books, account, record.most);',
    level: 'replica',
    seedsMax: 500,
  },
];
