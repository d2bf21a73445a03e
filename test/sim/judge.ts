import { merkleLeaf, merkleRoot } from '../../main/base/crypto/index.ts';
import type { LedgerState } from '../../main/kernel/blocks/index.ts';
import type {
  Application,
  Evidence,
  FinalBlock,
  Genesis,
  ProposalContent,
  Validator,
  VoteContent,
} from '../../main/kernel/consensus/interface.ts';
import { proposerPlace } from '../../main/kernel/consensus/core/index.ts';
import { decodeEvidence } from '../../main/kernel/consensus/formats/evidence.ts';
import { headerHash } from '../../main/kernel/consensus/formats/header.ts';
import { setHash } from '../../main/kernel/consensus/formats/validators.ts';
import { createLedgerTree } from '../../main/kernel/consensus/state/index.ts';
import { atOnce } from '../../main/kernel/consensus/turns.ts';
import { createSignatureCheck, isProposalSigned, isVoteSigned, keysOfId } from './keys.ts';

// What must be true of a run, by somebody who trusts no node: every block is checked and executed here once more, with nothing of
// the replica's own checks.

/** A rule that was broken. The run ends with the first. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
export const violate = (rule: string, detail: string): never => {
  throw new Violation(`${rule}: ${detail}`);
};

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const short = (bytes: Uint8Array | null): string => (bytes === null ? 'none' : hexOf(bytes).slice(0, 8));
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
const nameOf = (id: Uint8Array): string => keysOfId(id)?.name ?? short(id);

export interface JudgeInit {
  genesis: Genesis;
  network: Uint8Array;
  app: Application;
  /** Ids in hex. */
  honest: ReadonlySet<string>;
  /** What must be true of every state. @returns what is wrong */
  audit(state: LedgerState): string | null;
  /** No honest clock is further ahead. */
  latestMs(): number;
  note(kind: string, who: string, detail: string): void;
}
interface Settled {
  hash: Uint8Array;
  timeMs: number;
  /** Who signed it. */
  validators: readonly Validator[];
}

export interface Judge {
  /** Somebody honest is about to sign. */
  signs(
    id: string,
    what: { kind: 'vote'; content: VoteContent } | { kind: 'proposal'; content: ProposalContent },
  ): void;
  /** A block became final at somebody honest. */
  final(node: string, block: FinalBlock): Promise<void>;
  /** Somebody honest found two contradicting signatures. */
  found(node: string, evidence: Evidence): void;
  readonly height: number;
  state(): LedgerState;
  hashAt(height: number): Uint8Array | undefined;
  /** Height of the block that holds the transaction. */
  heightOf(transaction: string): number | undefined;
  isPunished(validator: string): boolean;
  readonly transactions: number;
  readonly evidence: number;
  readonly rounds: number;
}

export const createJudge = async (init: JudgeInit): Promise<Judge> => {
  const { genesis, network, app, honest, note } = init;
  const check = createSignatureCheck();
  const tree = createLedgerTree();
  tree.apply(app.genesis(genesis));
  const chain: Settled[] = [{ hash: network, timeMs: genesis.createdAtMs, validators: [] }];
  /** Blocks of which an earlier one has not been seen yet: somebody took a snapshot. */
  const ahead = new Map<number, { node: string; block: FinalBlock }>();
  const settled = new Map<string, number>();
  const punished = new Set<string>();
  const nonces = new Map<string, number>();
  /** What each honest one signed: place -> what for. Never forgotten, whatever its disk does. */
  const signed = new Map<string, string>();
  let transactions = 0;
  let evidenceCount = 0;
  let rounds = 0;
  let before: { validators: readonly Validator[] } = { validators: app.validators(tree.frozen()) };
  let lastSigners: { validator: Uint8Array; signed: boolean }[] = [];

  const execute = async (node: string, { block, commit }: FinalBlock): Promise<void> => {
    const { header } = block;
    const height = chain.length;
    const last = chain[height - 1]!;
    const where = `height ${height} at ${node}`;
    const demand = (holds: boolean, what: string): void => {
      if (!holds) violate('validity', `${where}: ${what}`);
    };
    demand(header.height === height, `the header says ${header.height}`);
    demand(isSame(header.network, network), 'it is of another network');
    demand(isSame(header.previous, last.hash), 'it does not follow the block before');
    demand(height === 1 ? header.timeMs > 0 : header.timeMs > last.timeMs, 'its time is not after the block before');
    demand(
      header.timeMs <= init.latestMs(),
      `its time is ${header.timeMs - init.latestMs()} ms ahead of every honest clock`,
    );
    demand(isSame(headerHash(header), block.hash), 'its hash is another');
    demand(
      isSame(header.transactions, merkleRoot(block.transactions.map(merkleLeaf))),
      'the root of its transactions is another',
    );
    demand(isSame(header.evidence, merkleRoot(block.evidence.map(merkleLeaf))), 'the root of its evidence is another');
    const { validators } = before;
    demand(isSame(header.validators, setHash(validators)), 'it names another set of validators');
    const proposer = validators.find(({ id }) => isSame(id, header.proposer));
    demand(proposer !== undefined, 'its proposer is no validator');
    if (commit.round === 0 && proposer !== undefined)
      demand(
        validators.indexOf(proposer) === proposerPlace(network, height, 0, validators),
        `it was not the turn of ${nameOf(header.proposer)}`,
      );
    checkCommit(where, validators, commit, block.hash, height);
    const opened = await check.transactions(block.transactions);
    const holding = opened.filter((one) => one !== null);
    demand(holding.length === opened.length, 'a transaction is not signed');
    const params = app.params(tree.frozen());
    const evidence = block.evidence.map(decodeEvidence);
    for (const one of evidence) demand(isProved(one), 'its evidence proves nothing');
    const previousSigners =
      block.lastCommit === null
        ? []
        : lastSigners.map(({ validator }, i) => ({ validator, signed: block.lastCommit!.signatures[i] !== null }));
    const steps = app.apply(
      {
        network,
        height,
        timeMs: header.timeMs,
        previousTimeMs: last.timeMs,
        proposer: header.proposer,
        transactions: holding,
        evidence,
        signers: previousSigners,
        pick: false,
        bytesMax: params.blockBytesMax,
        facts: await app.facts(holding),
      },
      tree.frozen(),
    );
    const output = atOnce(steps);
    if (!output.ok) {
      violate('validity', `${where}: transaction ${output.index} does not hold: ${output.code}`);
      return;
    }
    tree.apply(output.updates);
    demand(isSame(tree.root(), header.stateRoot), 'its state root is another');
    const next = app.validators(tree.frozen());
    demand(isSame(header.nextValidators, setHash(next)), 'it names another next set');
    const wrong = init.audit(tree.frozen());
    if (wrong !== null) violate('money', `${where}: ${wrong}`);
    for (const one of holding) {
      const { nonce } = one.transaction.data as { nonce: number };
      const due = nonces.get(one.signer) ?? 0;
      demand(nonce === due, `nonce ${nonce} of ${nameOf(one.signerBytes)} follows ${due - 1}`);
      nonces.set(one.signer, due + 1);
      demand(isSame(one.transaction.network, network), 'a transaction was signed for another network');
      const name = hexOf(one.hash);
      if (settled.has(name)) violate('once', `${where}: a transaction is in two blocks`);
      settled.set(name, height);
    }
    transactions += holding.length;
    for (const { validator } of evidence) {
      if (honest.has(hexOf(validator))) violate('innocence', `${where}: honest ${nameOf(validator)} is punished`);
      punished.add(hexOf(validator));
      evidenceCount += 1;
    }
    lastSigners = validators.map(({ id }) => ({ validator: id, signed: false }));
    before = { validators: next };
    rounds += commit.round;
    chain.push({ hash: block.hash, timeMs: header.timeMs, validators });
  };
  const isProved = (evidence: Evidence): boolean => {
    const keys = keysOfId(evidence.validator)?.keys;
    if (keys === undefined) return false;
    return evidence.kind === 'votes'
      ? [evidence.first, evidence.second].every((vote) => isVoteSigned(keys, vote, vote.signature))
      : [evidence.first, evidence.second].every((one) => isProposalSigned(keys, one, one.signature));
  };
  const checkCommit = (
    where: string,
    validators: readonly Validator[],
    commit: FinalBlock['commit'],
    hash: Uint8Array,
    height: number,
  ): void => {
    let total = 0;
    let power = 0;
    validators.forEach(({ keys, power: weight }, i) => {
      total += weight;
      const signature = commit.signatures[i] ?? null;
      if (signature === null) return;
      const content: VoteContent = { network, kind: 'precommit', height, round: commit.round, block: hash };
      if (!isVoteSigned(keys, content, signature))
        violate('validity', `${where}: a signature of its commit does not hold`);
      power += weight;
    });
    if (commit.height !== height || !isSame(commit.block, hash))
      violate('validity', `${where}: its commit is another's`);
    if (power * 3 <= total * 2) violate('validity', `${where}: its commit has ${power} of ${total}`);
  };

  return {
    signs: (id, what) => {
      if (!honest.has(id)) return;
      const { height, round } = what.content;
      const place = `${id} ${what.kind === 'vote' ? what.content.kind : 'proposal'} ${height}/${round}`;
      const value = what.content.block === null ? '-' : hexOf(what.content.block);
      const earlier = signed.get(place);
      if (earlier !== undefined && earlier !== value)
        violate(
          'contradiction',
          `${nameOf(Buffer.from(id, 'hex'))} signs ${place.slice(65)} for ${value.slice(0, 8)} after ${earlier.slice(0, 8)}`,
        );
      signed.set(place, value);
    },
    final: async (node, final) => {
      const { hash, header } = final.block;
      note('final', node, `${header.height} ${short(hash)}`);
      const known = chain[header.height];
      if (known !== undefined) {
        if (!isSame(known.hash, hash))
          violate(
            'one block per height',
            `${node} has ${short(hash)} at height ${header.height}, others ${short(known.hash)}`,
          );
        // What convinced this node has to convince by itself.
        checkCommit(`height ${header.height} at ${node}`, known.validators, final.commit, known.hash, header.height);
        return;
      }
      if (header.height > chain.length) {
        ahead.set(header.height, { node, block: final });
        return;
      }
      await execute(node, final);
      for (let next = ahead.get(chain.length); next !== undefined; next = ahead.get(chain.length)) {
        ahead.delete(chain.length);
        await execute(next.node, next.block);
      }
    },
    found: (node, { validator, kind, height }) => {
      note('evidence', node, `${kind} of ${nameOf(validator)} at ${height}`);
      if (honest.has(hexOf(validator)))
        violate('innocence', `${node} has evidence against honest ${nameOf(validator)}`);
    },
    get height() {
      return chain.length - 1;
    },
    state: () => tree.frozen(),
    hashAt: (height) => chain[height]?.hash,
    heightOf: (transaction) => settled.get(transaction),
    isPunished: (validator) => punished.has(validator),
    get transactions() {
      return transactions;
    },
    get evidence() {
      return evidenceCount;
    },
    get rounds() {
      return rounds;
    },
  };
};
