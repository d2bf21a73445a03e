import {
  accountText,
  describeTransaction,
  readEpoch,
  readMembers,
  readParams,
  readPrices,
  readSlashing,
  readSlashings,
  readSupply,
  readValidators,
  scheduleOf,
} from '../../apps/caesar/index.ts';
import type { Identity, Wallet } from '../../apps/satchel/index.ts';
import { assert, type Outside, type WorkerPool } from '../../base/index.ts';
import {
  CERTIFICATE_BYTES_MAX,
  keyIdText,
  peerIdOf,
  type SelfMadeCertificate,
  type SignerKeys,
} from '../../base/crypto/index.ts';
import type { SignedTransaction } from '../../kernel/blocks/index.ts';
import { type FinalBlock, type FollowedLedger, type Ledgers, stateOfValidator } from '../../kernel/consensus/index.ts';
import { UNIT_OF } from '../../kernel/leases/formats/index.ts';
import { type Mesh, parsePeerId, type PeerId } from '../../transport/stoq/index.ts';
import type {
  LedgerBlockSummary,
  LedgerBlockView,
  LedgerSummary,
  LedgerTransaction,
  LedgerView,
  NewNetwork,
} from '../../../preload/contract/index.ts';
import type { NetworkControl } from '../interface.ts';
import { LedgerDeskError } from './errors.ts';
import { genesisOf } from './new-network.ts';
import { parametersOf } from './parameters.ts';

/** Networks as their keepers and members see and steer them. Errors of {@link Ledgers} pass through. */
export interface LedgerDesk {
  list(): LedgerSummary[];
  view(ledger: string): Promise<LedgerView>;
  /** @throws {LedgerDeskError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `GENESIS_INVALID` | `NAME_TAKEN` @throws {NetworkError} */
  create(wanted: NewNetwork): Promise<{ ledger: LedgerSummary; fileName: string; genesis: Uint8Array }>;
  genesis(ledger: string): { fileName: string; genesis: Uint8Array };
  join(genesis: Uint8Array, use: boolean): Promise<LedgerSummary>;
  use(ledger: string): Promise<LedgerSummary>;
  /** Nobody else signs with this identity: the owner says so. */
  vouch(ledger: string): Promise<LedgerSummary>;
  leave(ledger: string): Promise<LedgerSummary[]>;
  blocks(ledger: string, before: number | undefined, limit: number): Promise<LedgerBlockSummary[]>;
  /** @throws {LedgerDeskError} `BLOCK_UNKNOWN` */
  block(ledger: string, height: number): Promise<LedgerBlockView>;
  /** What it holds of liars that were found is forgotten. */
  stop(): void;
}
export interface LedgerDeskComponents {
  outside: Outside;
  workers: WorkerPool;
  ledgers: Ledgers;
  identity: Pick<Identity, 'node' | 'account' | 'reason'>;
  wallet: Pick<Wallet, 'nameOf' | 'view'>;
  network: Pick<NetworkControl, 'peers' | 'peer'>;
  mesh: Pick<Mesh, 'connect'>;
}

/** A base64 certificate is longer than any name of a peer. */
const NAME_CHARS_MAX = 200;
/** Lies that are remembered of each network, newest first. */
const EVIDENCE_KEPT = 50;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** What `network` says is an id. */
const peerOf = (text: string): PeerId => {
  const peer = parsePeerId(text);
  assert(peer !== null, 'peers are named by their ids');
  return peer;
};
const fileNameOf = (name: string): string => `${name}.hmgenesis`;

export const createLedgerDesk = ({
  outside,
  workers,
  ledgers,
  identity,
  wallet,
  network,
  mesh,
}: LedgerDeskComponents): LedgerDesk => {
  const evidence = new Map<string, LedgerView['evidence']>();
  /** Heights at which was looked for lies of before, by ledger. */
  const recalled = new Map<string, Set<number>>();
  const nameOfKeys = (keys: SignerKeys): { peerId: string; name: string; self: boolean } => {
    const peerId = peerIdOf(keys.ed25519);
    const own = identity.node();
    const self = own !== null && hex(own.signer.keys.ed25519) === hex(keys.ed25519);
    const name = self ? 'This node' : (network.peers(false).find((peer) => peer.peerId === peerId)?.name ?? '');
    return { peerId, name: name === '' ? `…${peerId.slice(-8)}` : name, self };
  };
  const nameOfValidator = (ledger: FollowedLedger, id: Uint8Array): string => {
    const known = ledger.replica.validators().find((validator) => hex(validator.id) === hex(id));
    const first = known ?? ledger.replica.genesis.validators.find((validator) => hex(validator.id) === hex(id));
    return first === undefined ? keyIdText(id) : nameOfKeys(first.keys).name;
  };
  const liesIn = (ledger: FollowedLedger, block: Pick<FinalBlock, 'block' | 'evidence'>): LedgerView['evidence'] => {
    const { height, timeMs } = block.block.header;
    return block.evidence.map((one) => {
      const name = nameOfValidator(ledger, one.validator);
      const paid = readSlashing(ledger.replica.state(), one.validator);
      const what = one.kind === 'votes' ? 'two votes that contradict each other' : 'two blocks in the place of one';
      return {
        validator: keyIdText(one.validator),
        name,
        height: one.height,
        inBlock: height,
        atMs: timeMs,
        // Of several in one block, or of earlier ones, the ledger remembers the last.
        slashedMicro: paid?.height === height ? paid.burnt.toString() : null,
        sentence: `${name} signed ${what} at block ${one.height}; block ${height} put it out and took of its stake.`,
      };
    });
  };
  const found = ({ ledger, block }: { ledger: FollowedLedger; block: FinalBlock }): void => {
    if (block.evidence.length === 0) return;
    const fresh = liesIn(ledger, block);
    evidence.set(ledger.id, [...fresh, ...(evidence.get(ledger.id) ?? [])].slice(0, EVIDENCE_KEPT));
  };
  /** Who was put out before this node was started: the ledger remembers in which blocks that was. */
  const recall = async (ledger: FollowedLedger): Promise<void> => {
    const isKnown = (height: number): boolean =>
      (evidence.get(ledger.id) ?? []).some(({ inBlock }) => inBlock === height);
    const tried = recalled.get(ledger.id) ?? new Set();
    recalled.set(ledger.id, tried);
    const heights = readSlashings(ledger.replica.state()).slice(0, EVIDENCE_KEPT);
    for (const height of heights) {
      if (isKnown(height) || tried.has(height)) continue;
      tried.add(height);
      const read = await ledger.replica.block(height);
      // Not kept; or told of meanwhile.
      if (read === null || isKnown(height)) continue;
      const all = [...(evidence.get(ledger.id) ?? []), ...liesIn(ledger, read)];
      all.sort((one, other) => (other.inBlock ?? 0) - (one.inBlock ?? 0));
      evidence.set(ledger.id, all.slice(0, EVIDENCE_KEPT));
    }
  };
  const stopListening = ledgers.on('final', found);

  const summaryOf = (ledger: FollowedLedger): LedgerSummary => {
    const status = ledger.replica.status();
    return {
      id: ledger.id,
      name: ledger.name,
      home: ledger.home,
      current: ledgers.current()?.id === ledger.id,
      height: status.height,
      timeMs: status.height === 0 ? null : status.timeMs,
      isValidator: status.isValidator,
      validators: ledger.replica.validators().length,
      peers: status.peers,
      sync: status.sync,
      halted: status.halted ?? status.silent,
    };
  };
  const list = (): LedgerSummary[] => ledgers.list().map(summaryOf);
  const accountName = (address: string): string => wallet.nameOf(address);

  const transactionOf = (signed: SignedTransaction): LedgerTransaction => {
    const summary = describeTransaction(signed);
    return {
      hash: hex(signed.hash),
      kind: summary.kind,
      from: summary.from,
      fromName: accountName(summary.from),
      feeMicro: String(summary.feeMicro),
      amountMicro: summary.amountMicro === null ? null : String(summary.amountMicro),
      to: summary.to,
      toName: summary.to === null ? '' : accountName(summary.to),
      sentence: summary.sentence,
      sizeBytes: signed.encoded.length,
      atMs: summary.atMs,
    };
  };
  const blockSummary = (
    ledger: FollowedLedger,
    { block, commit, encoded }: Pick<FinalBlock, 'block' | 'commit'> & { encoded: Uint8Array },
  ): LedgerBlockSummary => ({
    height: block.header.height,
    hash: hex(block.hash),
    timeMs: block.header.timeMs,
    proposer: keyIdText(block.header.proposer),
    proposerName: nameOfValidator(ledger, block.header.proposer),
    transactions: block.transactions.length,
    evidence: block.evidence.length,
    sizeBytes: encoded.length,
    signatures: commit.signatures.filter((signature) => signature !== null).length,
    validators: commit.signatures.length,
    round: commit.round,
  });

  const certificateOf = async (who: string): Promise<SelfMadeCertificate> => {
    const encoded =
      who.length > NAME_CHARS_MAX
        ? new Uint8Array(Buffer.from(who, 'base64'))
        : (await mesh.connect({ peer: peerOf(network.peer(who).peerId), addresses: [] })).peer.certificate;
    const outcome =
      encoded.length > CERTIFICATE_BYTES_MAX
        ? { ok: false as const, problem: 'it is too large' }
        : await workers.run<Uint8Array, { ok: true; value: SelfMadeCertificate } | { ok: false; problem: string }>(
            'stoq.verifyCertificate',
            encoded,
          );
    if (outcome.ok) return outcome.value;
    throw new LedgerDeskError(
      { code: 'GENESIS_INVALID', problem: outcome.problem },
      `The certificate of ${who.slice(0, 40)} does not hold: ${outcome.problem}. Ask its owner for it again.`,
    );
  };

  return {
    list,
    view: async (text) => {
      const ledger = ledgers.find(text);
      await recall(ledger);
      const { replica } = ledger;
      const state = replica.state();
      const status = replica.status();
      const economy = readParams(state);
      const reports = new Map(replica.reports().map((report) => [hex(report.validator.id), report]));
      const known = readValidators(state);
      const power = known.reduce((sum, one) => sum + one.power, 0);
      const supply = readSupply(state);
      const epoch = readEpoch(state);
      const members = readMembers(state);
      const admins = members.filter(({ admin }) => admin).map(({ account }) => accountText(account));
      const { accounts } = await wallet.view();
      const own = new Set(accounts.filter(({ kind }) => kind === 'own').map(({ address }) => address));
      return {
        ...summaryOf(ledger),
        hash: status.hash === null ? null : hex(status.hash),
        round: status.round,
        step: status.step,
        waitingTransactions: status.waitingTransactions,
        waitingBytes: status.waitingBytes,
        validatorsList: known.map((validator) => {
          const report = reports.get(hex(validator.node)) ?? null;
          return {
            id: keyIdText(validator.node),
            ...nameOfKeys(validator.keys),
            account: accountText(validator.account),
            power: validator.power,
            powerPermille: power === 0 ? 0 : Math.round((validator.power * 1000) / power),
            stakeMicro: String(validator.staked),
            signed: report?.signed ?? 0,
            blocks: report?.blocks ?? 0,
            missedProposals: report?.missedProposals ?? 0,
            leftOut: report?.leftOut ?? 0,
            lastHeardMs: report?.lastHeardMs ?? null,
            ...stateOfValidator(report, validator),
          };
        }),
        evidence: evidence.get(ledger.id) ?? [],
        members: members.map(({ account, validator }) => {
          const address = accountText(account);
          return { account: address, name: accountName(address), mayValidate: validator };
        }),
        admins,
        isAdmin: admins.some((admin) => own.has(admin)),
        parameters: parametersOf(replica.params(), economy),
        supply: {
          totalMicro: String(supply.total),
          genesisMicro: String(supply.genesis),
          mintedMicro: String(supply.minted),
          burntMicro: String(supply.burnt),
          stakedMicro: String(epoch.totalStaked),
        },
        schedule: scheduleOf(economy, epoch.number),
        epoch: { number: epoch.number, endsAtMs: epoch.endsAtMs },
        // Nobody lends tokens yet, so they have no price.
        prices: readPrices(state)
          .filter(({ kind }) => kind !== 'economic')
          .map(({ kind, priceMicro, reference, utilisationPermille }) => ({
            kind,
            unit: UNIT_OF[kind],
            reference: Number(reference),
            priceMicro: String(priceMicro),
            minMicro: String(economy.prices[kind].min),
            maxMicro: String(economy.prices[kind].max),
            utilisationPermille,
          })),
      };
    },
    create: async (wanted) => {
      const own = identity.node();
      if (own === null) {
        const reason = identity.reason() ?? {
          code: 'IDENTITY_NONE' as const,
          sentence: 'There is no identity yet; create or restore one first.',
        };
        throw new LedgerDeskError({ code: reason.code }, reason.sentence);
      }
      if (ledgers.list().some(({ name }) => name === wanted.name))
        throw new LedgerDeskError(
          { code: 'NAME_TAKEN', name: wanted.name },
          `This node follows a network ${wanted.name} already; choose another name.`,
        );
      const founder = await certificateOf(Buffer.from(own.certificate).toString('base64'));
      const others: SelfMadeCertificate[] = [];
      for (const who of wanted.validators) others.push(await certificateOf(who));
      const ids = [founder, ...others].map(({ node }) => hex(node.keyIdBytes));
      if (new Set(ids).size < ids.length)
        throw new LedgerDeskError(
          { code: 'GENESIS_INVALID', problem: 'a validator is named twice' },
          'A validator is named twice, or is this node, which is one anyway; name each other one once.',
        );
      const ledger = await ledgers.found(genesisOf(outside, wanted, founder, others));
      return { ledger: summaryOf(ledger), fileName: fileNameOf(ledger.name), genesis: ledger.genesisBytes };
    },
    genesis: (text) => {
      const { name, genesisBytes } = ledgers.find(text);
      return { fileName: fileNameOf(name), genesis: genesisBytes };
    },
    join: async (genesis, use) => summaryOf(await ledgers.join(genesis, { use })),
    use: async (text) => {
      const ledger = ledgers.find(text);
      await ledgers.use(ledger.id);
      return summaryOf(ledger);
    },
    vouch: async (text) => {
      const ledger = ledgers.find(text);
      await ledger.replica.vouch();
      return summaryOf(ledger);
    },
    leave: async (text) => {
      await ledgers.leave(ledgers.find(text).id);
      return list();
    },
    blocks: async (text, before, limit) => {
      const ledger = ledgers.find(text);
      const newest = Math.min(ledger.replica.status().height, (before ?? Number.MAX_SAFE_INTEGER) - 1);
      const blocks: LedgerBlockSummary[] = [];
      for (let height = newest; height >= 1 && blocks.length < limit; height--) {
        const read = await ledger.replica.block(height);
        // Older ones were not fetched, or dropped.
        if (read === null) break;
        blocks.push(blockSummary(ledger, read));
      }
      return blocks;
    },
    block: async (text, height) => {
      const ledger = ledgers.find(text);
      const read = await ledger.replica.block(height);
      if (read === null)
        throw new LedgerDeskError(
          { code: 'BLOCK_UNKNOWN', height },
          `Block ${height} of ${ledger.name} is not here; the newest is ${ledger.replica.status().height}, and old ones may have been left out when the state was taken over.`,
        );
      const { header } = read.block;
      return {
        ...blockSummary(ledger, read),
        previous: hex(header.previous),
        stateRoot: hex(header.stateRoot),
        signers: read.validators.map((validator, place) => ({
          name: nameOfKeys(validator.keys).name,
          id: keyIdText(validator.id),
          signed: (read.commit.signatures[place] ?? null) !== null,
          power: validator.power,
        })),
        transactionsList: read.transactions.map(transactionOf),
      };
    },
    stop: () => {
      stopListening();
      evidence.clear();
      recalled.clear();
    },
  };
};
