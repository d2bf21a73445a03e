import { decodeCbor, encodeCbor, sha256 } from '../../base/index.ts';
import type {
  BlockContext,
  LedgerModule,
  LedgerState,
  SignedTransaction,
  StateUpdate,
  TransactionVerdict,
} from '../blocks/index.ts';
import { DEFAULT_REQUIREMENTS, type ProofRequirements } from '../proof/index.ts';

/** What the ledger knows of one plot; docs/formats/proof-space.md. */
export interface PlotState {
  version: 1;
  /** Root over its windows: names it. */
  root: Uint8Array;
  owner: Uint8Array;
  bytes: number;
  windows: number;
  windowLabels: number;
  layers: number;
  /** SHA-256 of the opening that was checked. Proofs of space name it. */
  opening: Uint8Array;
  registeredAt: number;
}

/** What an opening shows once it was checked. */
export interface OpenedPlot {
  root: Uint8Array;
  owner: Uint8Array;
  bytes: number;
  windows: number;
  windowLabels: number;
  layers: number;
}
export interface PlotLedgerComponents {
  /** Checks an opening by the code that strangers use, all of it and the same way each time: `verifyOpening`. */
  checkOpening: (opening: Uint8Array, wanted: PlotLedgerInit['required']) => CheckedOpening;
}
/** What a check of an opening finds. */
export interface CheckedOpening {
  finding: { reason: string };
  plot: OpenedPlot | null;
}
export interface PlotLedgerInit {
  /** Whose openings hold less is not registered. The same for all who follow one chain. */
  required: Pick<ProofRequirements['space'], 'windowLabelsMin' | 'openingsMin'>;
}

/** Keys of the state are this and the root in hex. */
export const PLOT_STATE_PREFIX = 'plot/';
export const plotStateOf = (root: Uint8Array): string => `${PLOT_STATE_PREFIX}${Buffer.from(root).toString('hex')}`;
export const decodePlotState = (value: Uint8Array): PlotState => {
  const state = decodeCbor(value) as PlotState;
  if (state.version !== 1) throw new Error('The state of a plot has a version that is not known.');
  return state;
};

const refuse = (code: string, reason: string): TransactionVerdict => ({ accepted: false, code, reason });
const ACCEPTED: TransactionVerdict = { accepted: true };
const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
const HASH_BYTES = 32;

/** The one field that the kind carries, if it is there alone and is bytes. */
const onlyBytes = (data: unknown, name: string): Uint8Array | null => {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || Object.keys(data).length !== 1) return null;
  const value = (data as Record<string, unknown>)[name];
  return value instanceof Uint8Array ? value : null;
};

/**
 * Space that was plotted, on the ledger. A plot is registered once, by the owner that its labels are made for, with an
 * opening that holds; proofs of space refer to it from then on. It is removed when its owner gives the space back.
 */
export const createPlotLedger = (
  { checkOpening }: PlotLedgerComponents,
  { required }: PlotLedgerInit = { required: DEFAULT_REQUIREMENTS.space },
): LedgerModule => {
  const registered = (transaction: SignedTransaction, state: LedgerState, fact: unknown): TransactionVerdict => {
    const opening = onlyBytes(transaction.transaction.data, 'opening');
    if (opening === null)
      return refuse('TRANSACTION_MALFORMED', 'plot.registered carries an opening and nothing else.');
    const { finding, plot } = (fact as CheckedOpening | undefined) ?? checkOpening(opening, required);
    if (plot === null) return refuse('OPENING_INVALID', `The opening of the plot does not hold: ${finding.reason}`);
    if (!same(plot.owner, transaction.signerBytes))
      return refuse('OWNER_MISMATCH', 'The plot was computed for another owner than the signer.');
    return state.get(plotStateOf(plot.root)) === undefined
      ? ACCEPTED
      : refuse('PLOT_REGISTERED', 'This plot is registered already.');
  };
  const removed = (transaction: SignedTransaction, state: LedgerState): TransactionVerdict => {
    const root = onlyBytes(transaction.transaction.data, 'root');
    if (root?.length !== HASH_BYTES)
      return refuse('TRANSACTION_MALFORMED', 'plot.removed carries a root and nothing else.');
    const known = state.get(plotStateOf(root));
    if (known === undefined) return refuse('PLOT_UNKNOWN', 'No such plot is registered.');
    return same(decodePlotState(known).owner, transaction.signerBytes)
      ? ACCEPTED
      : refuse('OWNER_MISMATCH', 'The plot belongs to another than the signer.');
  };

  return {
    kinds: ['plot.registered', 'plot.removed'],
    factTask: ({ transaction: { kind, data } }) => {
      const opening = kind === 'plot.registered' ? onlyBytes(data, 'opening') : null;
      return opening && { task: 'proof.opening', input: { opening, wanted: required } };
    },
    check: (transaction, state, _block, fact) => {
      if (transaction.transaction.asset !== null)
        return refuse('TRANSACTION_MALFORMED', 'A plot serves all assets of its owner, and this event names one.');
      return transaction.transaction.kind === 'plot.registered'
        ? registered(transaction, state, fact)
        : removed(transaction, state);
    },
    apply: (transaction: SignedTransaction, _state: LedgerState, block: BlockContext, fact): StateUpdate[] => {
      const { kind, data } = transaction.transaction;
      if (kind === 'plot.removed') return [{ key: plotStateOf((data as { root: Uint8Array }).root), value: null }];
      const { opening } = data as { opening: Uint8Array };
      const { plot } = (fact as CheckedOpening | undefined) ?? checkOpening(opening, required);
      if (plot === null) throw new Error('The opening of a plot was accepted and does not hold.');
      const { root, owner, bytes, windows, windowLabels, layers } = plot;
      const state: PlotState = {
        version: 1,
        root,
        owner,
        bytes,
        windows,
        windowLabels,
        layers,
        opening: sha256(opening),
        registeredAt: block.height,
      };
      return [{ key: plotStateOf(root), value: encodeCbor(state) }];
    },
  };
};
