import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, sha256 } from '../../../../../main/base/index.ts';
import { verifyRecord } from '../../../../../main/base/crypto/index.ts';
import { decodeEntry, encodeEntry } from '../../../../../main/kernel/consensus/core/entry.ts';
import {
  answerBytesMax,
  bodyBytesOf,
  ConsensusFormatError,
  createBlock,
  decodeAnswer,
  decodeBlock,
  decodeCommit,
  decodeEvidence,
  decodeGenesis,
  decodeHeader,
  decodeLedgerProof,
  decodeLightBlock,
  decodeMessage,
  decodeProposal,
  decodeQuestion,
  decodeValidators,
  decodeVote,
  encodeAnswer,
  encodeBlock,
  encodeCommit,
  encodeEvidence,
  encodeGenesis,
  encodeHeader,
  encodeLedgerProof,
  encodeLightBlock,
  encodeMessage,
  encodeProposal,
  encodeQuestion,
  encodeValidators,
  encodeVote,
  evidenceOfProposals,
  evidenceOfVotes,
  headerHash,
  networkOf,
  proposalPayload,
  proposalRecord,
  setHash,
  votePayload,
  voteRecord,
} from '../../../../../main/kernel/consensus/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

type Names =
  | 'genesis'
  | 'network'
  | 'validators'
  | 'setHash'
  | 'header'
  | 'headerHash'
  | 'commit'
  | 'block'
  | 'votePayload'
  | 'voteRecord'
  | 'vote'
  | 'proposalPayload'
  | 'proposalRecord'
  | 'proposal'
  | 'evidence'
  | 'entry'
  | 'lightBlock'
  | 'ledgerProof';
const vectors = readVectors<
  Record<Names, string> & { messages: string[]; exchanges: { question: string; answer: string }[] }
>('consensus', 'ledger.json');
const bytesOf = (name: Names): Uint8Array => fromHex(vectors[name]);

const codecs: Record<
  string,
  { name: Names; decode: (bytes: Uint8Array) => unknown; encode: (value: never) => Uint8Array }
> = {
  genesis: { name: 'genesis', decode: decodeGenesis, encode: encodeGenesis },
  validators: { name: 'validators', decode: decodeValidators, encode: encodeValidators },
  header: { name: 'header', decode: decodeHeader, encode: encodeHeader },
  commit: { name: 'commit', decode: decodeCommit, encode: encodeCommit },
  block: { name: 'block', decode: decodeBlock, encode: encodeBlock },
  vote: { name: 'vote', decode: decodeVote, encode: encodeVote },
  proposal: { name: 'proposal', decode: decodeProposal, encode: encodeProposal },
  evidence: { name: 'evidence', decode: decodeEvidence, encode: encodeEvidence },
  entry: { name: 'entry', decode: decodeEntry, encode: encodeEntry },
  lightBlock: { name: 'lightBlock', decode: decodeLightBlock, encode: encodeLightBlock },
  ledgerProof: { name: 'ledgerProof', decode: decodeLedgerProof, encode: encodeLedgerProof },
};
const block = decodeBlock(bytesOf('block'));
const set = decodeValidators(bytesOf('validators'));

describe('Formats of the ledger', () => {
  it.each(Object.values(codecs))('reads and writes the same bytes: $name', ({ name, decode, encode }) => {
    expect(toHex(encode(decode(bytesOf(name)) as never))).toBe(vectors[name]);
  });

  it.each(Object.values(codecs))('refuses what is not exactly so: $name', ({ name, decode }) => {
    const good = bytesOf(name);
    const value = decodeCbor(good);
    // A name is hashed, not checked: any other bytes in a place for bytes are another value, and everything else is refused.
    const refuses = (bytes: Uint8Array): void => {
      expect(() => decode(bytes)).toThrow(ConsensusFormatError);
    };
    refuses(good.subarray(0, -1));
    refuses(new Uint8Array([...good, 0]));
    refuses(new Uint8Array());
    refuses(encodeCbor([value]));
    refuses(encodeCbor({ ...(value as object), more: 1 }));
    for (const field of Object.keys(value as object)) {
      const { [field]: _, ...less } = value as Record<string, unknown>;
      refuses(encodeCbor(less));
      // What the applications begin with is theirs to judge.
      if (field !== 'app') refuses(encodeCbor({ ...less, [field]: -5 }));
    }
  });

  it.each(Object.values(codecs))('throws nothing else, whatever comes: $name', ({ name, decode }) => {
    const good = bytesOf(name);
    const read = (bytes: Uint8Array): void => {
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof ConsensusFormatError)) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read), { numRuns: 100 });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (place, byte) => {
        const changed = good.slice();
        changed[place] = byte;
        read(changed);
      }),
      { numRuns: 200 },
    );
  });

  it('tells a newer version from a lie', () => {
    for (const name of ['genesis', 'header', 'commit', 'block', 'evidence', 'ledgerProof'] as const) {
      const newer = encodeCbor({ ...(decodeCbor(bytesOf(name)) as object), v: 2 });
      const error = (() => {
        try {
          return codecs[name]!.decode(newer);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toMatchObject({ code: 'CONSENSUS_VERSION', data: { verdict: 'ignore', found: 2 } });
    }
  });

  it('names things by their hashes', () => {
    expect(toHex(networkOf(bytesOf('genesis')))).toBe(vectors.network);
    expect(toHex(networkOf(decodeGenesis(bytesOf('genesis'))))).toBe(vectors.network);
    expect(toHex(setHash(set))).toBe(vectors.setHash);
    expect(toHex(headerHash(block.header))).toBe(vectors.headerHash);
    expect(toHex(block.hash)).toBe(vectors.headerHash);
    expect(bodyBytesOf(block)).toBe(block.transactions[0]!.length);
  });

  it('signs what signed records sign, with the keys left out', () => {
    const vote = decodeVote(bytesOf('vote'));
    const { keys } = set.find(({ id }) => toHex(id) === toHex(vote.validator))!;
    expect(toHex(votePayload(vote))).toBe(vectors.votePayload);
    expect(toHex(voteRecord(keys, vote, vote.signature))).toBe(vectors.voteRecord);
    const record = verifyRecord(bytesOf('voteRecord'), { domain: 'consensus-vote' });
    expect(toHex(record.payload)).toBe(vectors.votePayload);
    const proposal = decodeProposal(bytesOf('proposal'));
    const proposer = set.find(({ id }) => toHex(id) === toHex(proposal.proposer))!;
    expect(toHex(proposalPayload(proposal))).toBe(vectors.proposalPayload);
    expect(toHex(proposalRecord(proposer.keys, proposal, proposal.signature))).toBe(vectors.proposalRecord);
    expect(() => verifyRecord(bytesOf('proposalRecord'), { domain: 'consensus-vote' })).toThrow('');
  });
});

describe('Sets of validators', () => {
  it('are in the order of the ids, each once, with at least one vote', () => {
    const value = decodeCbor(bytesOf('validators')) as { v: 1; validators: { power: number }[] };
    const [first, second] = value.validators;
    for (const validators of [
      [],
      [second, first],
      [first, first],
      [{ ...first, power: 0 }],
      [{ ...first, power: 2 ** 40 + 1 }],
      Array.from({ length: 101 }, () => first),
    ])
      expect(() => decodeValidators(encodeCbor({ v: 1, validators }))).toThrow(ConsensusFormatError);
  });
});

describe('Parameters of a genesis', () => {
  it('lie within their bounds', () => {
    const genesis = decodeGenesis(bytesOf('genesis'));
    for (const change of [{ blockBytesMax: 2 ** 23 }, { heartbeatMs: 0 }, { transactionsMax: 0 }, { voteMs: 1.5 }])
      expect(() => encodeGenesis({ ...genesis, params: { ...genesis.params, ...change } })).toThrow(
        ConsensusFormatError,
      );
    for (const name of ['', '-a', 'a b', 'ä', 'x'.repeat(65)])
      expect(() => encodeGenesis({ ...genesis, name })).toThrow(ConsensusFormatError);
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
    expect(() => encodeGenesis({ ...genesis, app: deep })).toThrow(ConsensusFormatError);
  });
  it('makes another network of any other genesis', () => {
    const genesis = decodeGenesis(bytesOf('genesis'));
    const names = [
      genesis,
      { ...genesis, name: 'other' },
      { ...genesis, createdAtMs: 1 },
      { ...genesis, app: null },
    ].map((one) => toHex(networkOf(one)));
    expect(new Set(names).size).toBe(4);
  });
});

describe('Blocks', () => {
  const refuses = (changed: Partial<typeof block>): void => {
    expect(() => decodeBlock(encodeBlock({ ...block, ...changed }))).toThrow(ConsensusFormatError);
  };
  it('hold together', () => {
    refuses({ transactions: [] });
    refuses({ transactions: [...block.transactions, new Uint8Array([1])] });
    refuses({ evidence: [bytesOf('evidence')] });
    refuses({ lastCommit: null });
    refuses({ lastCommit: { ...block.lastCommit!, round: 7 } });
    refuses({ header: { ...block.header, transactions: new Uint8Array(32) } });
    refuses({ header: { ...block.header, height: 1 } });
  });
  it('of the first height follow the genesis and no commit', () => {
    const { version: _, ...header } = { ...block.header, height: 1 };
    const first = createBlock(header, { transactions: [], evidence: [], lastCommit: null });
    expect(toHex(encodeBlock(decodeBlock(encodeBlock(first))))).toBe(toHex(encodeBlock(first)));
    expect(toHex(first.header.lastCommit)).toBe(toHex(sha256(new Uint8Array())));
  });
  it('need somebody who signed the one before', () => {
    expect(() => decodeCommit(encodeCommit({ ...block.lastCommit!, signatures: [null, null] }))).toThrow(
      ConsensusFormatError,
    );
  });
});

describe('Evidence', () => {
  const vote = decodeVote(bytesOf('vote'));
  const proposal = decodeProposal(bytesOf('proposal'));
  const other = { ...vote, block: null };
  it('is one and the same whichever half was heard first', () => {
    const one = evidenceOfVotes(vote, other)!;
    expect(one).toEqual(evidenceOfVotes(other, vote));
    expect(decodeEvidence(encodeEvidence(one))).toEqual(one);
    const { first, second } = one as { first: typeof vote; second: typeof vote };
    const turned = { ...one, first: second, second: first } as typeof one;
    expect(() => decodeEvidence(encodeEvidence(turned))).toThrow(ConsensusFormatError);
  });
  it('is of one validator, height, round and kind, in one network', () => {
    expect(evidenceOfVotes(vote, { ...vote })).toBeNull();
    for (const change of [
      { height: 3 },
      { round: 1 },
      { kind: 'precommit' as const },
      { validator: new Uint8Array(32) },
      { network: new Uint8Array(32) },
    ])
      expect(evidenceOfVotes(vote, { ...other, ...change })).toBeNull();
    expect(evidenceOfProposals(proposal, { ...proposal })).toBeNull();
    expect(evidenceOfProposals(proposal, { ...proposal, round: 2 })).toBeNull();
    expect(evidenceOfProposals(proposal, { ...proposal, validRound: -1 })).toMatchObject({
      kind: 'proposals',
      height: 2,
    });
  });
});

describe('Messages', () => {
  it.each(vectors.messages.map((bytes, i) => ({ i, bytes })))('reads and writes the same bytes: $i', ({ bytes }) => {
    expect(toHex(encodeMessage(decodeMessage(fromHex(bytes))))).toBe(bytes);
  });
  it.each(vectors.exchanges.map((one, i) => ({ i, ...one })))('asks and answers: $i', ({ question, answer }) => {
    const asked = decodeQuestion(fromHex(question));
    expect(toHex(encodeQuestion(asked))).toBe(question);
    const told = decodeAnswer(asked, fromHex(answer));
    expect(toHex(encodeAnswer(asked.type, told))).toBe(answer);
    expect(fromHex(answer).length).toBeLessThan(answerBytesMax(asked));
    const another =
      asked.type === 'manifest' ? ({ type: 'chunk', height: 1, index: 0 } as const) : ({ type: 'manifest' } as const);
    expect(() => decodeAnswer<typeof another.type>(another, fromHex(answer))).toThrow(ConsensusFormatError);
  });
  it('are bounded', () => {
    const refuses = (message: unknown): void => {
      expect(() => decodeMessage(encodeCbor(message))).toThrow(ConsensusFormatError);
    };
    const tell =
      (question: unknown): (() => unknown) =>
      () =>
        decodeQuestion(encodeCbor(question));
    refuses({ type: 'transactions', transactions: [] });
    refuses({ type: 'transactions', transactions: Array.from({ length: 1025 }, () => new Uint8Array(1)) });
    refuses({ type: 'evidence', evidence: new Uint8Array(4097) });
    refuses({ type: 'gossip' });
    refuses({ type: 'proposal', proposal: decodeCbor(bytesOf('proposal')), block: new Uint8Array(262_145) });
    expect(tell({ type: 'blocks', from: 0, limit: 1, bytes: 1 })).toThrow(ConsensusFormatError);
    expect(tell({ type: 'blocks', from: 1, limit: 257, bytes: 1 })).toThrow(ConsensusFormatError);
    expect(tell({ type: 'blocks', from: 1, limit: 1, bytes: 2 ** 24 })).toThrow(ConsensusFormatError);
    expect(tell({ type: 'chunk', height: 1, index: -1 })).toThrow(ConsensusFormatError);
    expect(tell({ type: 'manifest', more: 1 })).toThrow(ConsensusFormatError);
  });
  it('answers throw nothing else, whatever comes', () => {
    const read = (question: string, answer: Uint8Array): void => {
      try {
        decodeAnswer(decodeQuestion(fromHex(question)), answer);
      } catch (error) {
        if (!(error instanceof ConsensusFormatError)) throw error;
      }
    };
    fc.assert(
      fc.property(fc.constantFrom(...vectors.exchanges), fc.nat(), fc.nat(255), ({ question, answer }, place, byte) => {
        const changed = fromHex(answer);
        changed[place % changed.length] = byte;
        read(question, changed);
        read(question, changed.subarray(0, place % changed.length));
      }),
      { numRuns: 200 },
    );
  });
  it('throw nothing else, whatever comes', () => {
    const samples = [...vectors.messages, ...vectors.exchanges.map(({ question }) => question)].map(fromHex);
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat(), fc.nat(255), (good, place, byte) => {
        const changed = good.slice();
        changed[place % good.length] = byte;
        for (const decode of [decodeMessage, decodeQuestion])
          try {
            decode(changed);
          } catch (error) {
            if (!(error instanceof ConsensusFormatError)) throw error;
          }
      }),
      { numRuns: 300 },
    );
  });
});
