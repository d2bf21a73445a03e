import { type SenderControl, createSender } from '../../../main/apps/caesar/index.ts';
import { IdentityError, type ApprovalDialog, type Wallet, createWallet } from '../../../main/apps/satchel/index.ts';
import type { WalletComponents } from '../../../main/apps/satchel/index.ts';
import { satchelTasks } from '../../../main/apps/satchel/tasks.ts';
import { Emitter, type Store, createSettings } from '../../../main/base/index.ts';
import type { Signer } from '../../../main/base/crypto/index.ts';
import type { FollowedLedger, Ledgers, LedgersEvents } from '../../../main/kernel/consensus/index.ts';
import type { WalletDraft } from '../../../preload/contract/index.ts';
import { type ManualClock, createManualClock } from '../manual-clock.ts';
import { createMemoryStore } from '../memory-store.ts';
import { sampleIdentity } from '../fake-identity.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { type Logged } from '../satchel.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createInlineWorkers } from '../stoq/inline-workers.ts';
import { START_MS, nodeId } from '../../unit/apps/caesar/ledger/world.ts';
import { type LedgerWorld, createLedgerWorld, fakeSigner } from './ledger-world.ts';

export const PASSPHRASE = 'correct horse battery staple';

/** Keys of a phrase without any phrase: each place has its own. */
export interface TestIdentity {
  readonly part: WalletComponents['identity'];
  status: 'none' | 'locked' | 'unlocked';
  sealedBy: 'passphrase' | 'keyStore';
  createdHere: boolean;
  signer(place: number): Signer;
  change(status: TestIdentity['status']): void;
  /** Passphrases that were tried. */
  readonly tried: string[];
  /** Places whose keys were asked for. */
  readonly derived: number[];
}
export const createTestIdentity = (phrase = 'owner'): TestIdentity => {
  const events = new Emitter<{ viewChanged: never; changed: null }>();
  const signers = new Map<number, Signer>();
  const it: TestIdentity = {
    status: 'unlocked',
    sealedBy: 'passphrase',
    createdHere: true,
    tried: [],
    derived: [],
    signer: (place) => {
      let found = signers.get(place);
      if (found === undefined) signers.set(place, (found = fakeSigner(`${phrase} ${place}`)));
      return found;
    },
    change: (status) => {
      it.status = status;
      events.emit('changed', null);
    },
    part: {
      on: events.on.bind(events) as never,
      view: () =>
        sampleIdentity({
          status: it.status,
          sealedBy: it.sealedBy,
          identity:
            it.status === 'none'
              ? null
              : {
                  keyId: 'key:b',
                  peerId: '12D3KooW',
                  accountKeyId: it.signer(0).keyId,
                  createdAtMs: START_MS,
                  keys: [],
                },
        }),
      reason: () =>
        it.status === 'unlocked'
          ? null
          : it.status === 'none'
            ? { code: 'IDENTITY_NONE', sentence: 'No identity.' }
            : { code: 'IDENTITY_LOCKED', sentence: 'Locked.' },
      node: () =>
        it.status === 'unlocked'
          ? { signer: fakeSigner('node'), opener: null as never, certificate: Uint8Array.of(1, 2, 3) }
          : null,
      accountAt: async (place) => {
        if (it.status !== 'unlocked') throw new IdentityError({ code: 'IDENTITY_LOCKED' }, 'Locked.');
        it.derived.push(place);
        return { signer: it.signer(place) };
      },
      createdHere: () => it.createdHere,
      confirmOwner: async ({ passphrase }) => {
        it.tried.push(passphrase ?? '');
        if (passphrase !== PASSPHRASE) throw new IdentityError({ code: 'PASSPHRASE_WRONG' }, 'Wrong.');
      },
      lock: async () => {
        it.change('locked');
        return it.part.view();
      },
    },
  };
  return it;
};

/** The dialog of the main process; answers what a test says. */
export interface TestDialog extends ApprovalDialog {
  answer: boolean | (() => Promise<boolean>);
  readonly asked: WalletDraft[];
}
export const createTestDialog = (): TestDialog => {
  const dialog: TestDialog = {
    answer: true,
    asked: [],
    ask: async (draft) => {
      dialog.asked.push(draft);
      return typeof dialog.answer === 'boolean' ? dialog.answer : await dialog.answer();
    },
  };
  return dialog;
};

export interface WalletWorld {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly identity: TestIdentity;
  readonly dialog: TestDialog;
  readonly ledger: LedgerWorld;
  readonly events: Emitter<LedgersEvents>;
  readonly logged: Logged;
  /** All ledgers; the first is current. */
  readonly followed: FollowedLedger[];
  current: FollowedLedger | null;
  /** What stands for the sender, the real one from the start on. */
  sender: SenderControl;
  /** A wallet over the same rows; like a start of the node. */
  open(more?: Partial<WalletComponents>): Promise<Wallet>;
  /** Everything that waits in promises has gone on. */
  settle(): Promise<void>;
  end(): Promise<void>;
}

/** @param more.over - the node of another one started anew: its rows, its keys, the same network */
export const createWalletWorld = async (
  more: { over?: WalletWorld; store?: Store; ledger?: Parameters<typeof createLedgerWorld>[1] } = {},
): Promise<WalletWorld> => {
  const { over } = more;
  const clock = createManualClock({ nowMs: over?.clock.nowMs() ?? START_MS });
  const store = over?.store ?? more.store ?? (await createMemoryStore(clock));
  const identity = over?.identity ?? createTestIdentity();
  const dialog = createTestDialog();
  const events = over?.events ?? new Emitter<LedgersEvents>();
  const ledger =
    over?.ledger ??
    createLedgerWorld(events, {
      founders: [
        { account: identity.signer(0).keyIdBytes, node: nodeId(0), admin: true },
        { account: fakeSigner('anna').keyIdBytes, node: nodeId(1), admin: false },
        { account: fakeSigner('bert').keyIdBytes, node: null, admin: false },
      ],
      ...more.ledger,
      params: { feePerByte: 1n, ...more.ledger?.params },
    });
  const logged: Logged = [];
  const logger = createSilentLogger(logged);
  const followed: FollowedLedger[] = [ledger.followed];
  const opened: Wallet[] = [];
  const ledgers: Pick<Ledgers, 'list' | 'current' | 'on'> = {
    list: () => followed,
    current: () => it.current,
    on: (name, listener) => events.on(name, listener),
  };
  const makeSender = (): WalletWorld['sender'] =>
    createSender({
      ledgers,
      store,
      clock,
      logger,
      metrics: null,
    });
  const it: WalletWorld = {
    clock,
    store,
    identity,
    dialog,
    ledger,
    events,
    logged,
    followed,
    current: ledger.followed,
    sender: makeSender(),
    open: async (given = {}) => {
      const wallet = createWallet({
        outside: { clock, random: createSeededRandom(opened.length + 1) },
        logger,
        metrics: null,
        settings: createSettings({ store, clock }),
        store,
        workers: createInlineWorkers({ rooms: { satchel: async () => satchelTasks } }),
        identity: identity.part,
        ledgers,
        sender: it.sender,
        approval: dialog,
        ...given,
      });
      opened.push(wallet);
      await wallet.start();
      await it.settle();
      return wallet;
    },
    settle: async () => {
      for (let turns = 0; turns < 400; turns++) await new Promise((resolve) => setImmediate(resolve));
    },
    end: async () => {
      for (const wallet of opened) await wallet.stop();
      await it.sender.stop();
      if (over === undefined && more.store === undefined) await store.close();
    },
  };
  await it.sender.start();
  return it;
};
