import { type Sender, accountText } from '../../caesar/index.ts';
import {
  Emitter,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
  type Store,
  type WorkerPool,
  isNodeError,
  messageOf,
} from '../../../base/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import type { Identity } from '../interface.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { createAutoLock } from './auto-lock.ts';
import { DROPPED_KEPT, DRAFT_MS, SETTLED_WAIT_MS } from './constants.ts';
import { createDrafting } from './drafting.ts';
import { type Drafts, type Prepared, createDrafts } from './drafts.ts';
import { bytesOfHex, hexOf, sameBytes } from './economy.ts';
import { type OpenLine, exportEntries, linesOf, openEntry, readEntries } from './entries.ts';
import { WalletError, ledgerNone } from './errors.ts';
import { type Tracked, explainTransactions } from './explain.ts';
import { guardedSigner } from './guard.ts';
import { type History, createHistory } from './history.ts';
import type { ApprovalDialog, Approver, HistoryQuery, Wallet, WalletEvents } from './interface.ts';
import { addressOf } from './link.ts';
import { type MessageOutcome, checkMessageSize, messageOrThrow } from './message.ts';
import { createWalletMetrics } from './metrics.ts';
import { type Names, createNames } from './names.ts';
import { createRequests } from './requests.ts';
import { type EntryRow, createWalletRows } from './rows.ts';
import { type WalletSettings, readWalletSettings, sortedPrices, writeWalletSettings } from './settings.ts';
import { viewOf } from './view.ts';
import { type Waiting, waitingOf } from './waiting.ts';

export interface WalletComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  settings: Settings;
  store: Store;
  workers: WorkerPool;
  identity: Pick<Identity, 'view' | 'on' | 'reason' | 'node' | 'accountAt' | 'createdHere' | 'confirmOwner' | 'lock'>;
  /** Started before, and stopped after. */
  ledgers: Pick<Ledgers, 'list' | 'current' | 'on'>;
  sender: Sender;
  /** Null where no face has a window. */
  approval: ApprovalDialog | null;
}

/** Refusals of the ledger that mean the same as ours. */
const LOW_BALANCE = new Set(['NOT_ENOUGH', 'BALANCE_LOW']);

/** The wallet over one identity, all ledgers of this node, and one database. */
export const createWallet = (components: WalletComponents): Wallet => {
  const { outside, settings, store, workers, identity, ledgers, sender, approval } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('wallet');
  const metrics = createWalletMetrics(components.metrics);
  const events = new Emitter<WalletEvents>();
  const rows = createWalletRows(store);
  const drafts: Drafts = createDrafts({ clock, random });
  const endings: (() => void)[] = [];
  /** Sent in this session and neither waiting nor final any more, or not known to be; newest last. By hash. */
  const sent = new Map<string, { ledger: string; row: EntryRow }>();
  let kept: WalletSettings = { lockAfterMinutes: 0, priceList: [] };
  let turn: Promise<unknown> = Promise.resolve();
  let stopped = false;

  const changed = (): void => events.emit('changed', null);
  const names: Names = createNames({ rows, listed: () => accounts.list() });
  const accounts: Accounts = createAccounts({
    identity,
    ledgers,
    rows,
    settings,
    logger,
    checkName: (name, own) => names.check(name, own),
    onChanged: () => {
      history.track(accounts.list().map(({ id, account }): Tracked => ({ id, account })));
      changed();
    },
  });
  const history: History = createHistory({ ledgers, rows, logger });
  const autoLock = createAutoLock({
    clock,
    lock: () => {
      if (identity.view().status !== 'unlocked') return;
      logger.info('Locked: nobody used the wallet', { minutes: kept.lockAfterMinutes });
      identity
        .lock()
        .catch((error: unknown) => logger.warn('The keys could not be locked', { reason: messageOf(error) }));
    },
  });

  /** Changes of rows, one after the other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const run = turn.then(work);
    turn = run.catch(() => undefined);
    return run;
  };
  const currentLedger = (): FollowedLedger => {
    const ledger = ledgers.current();
    if (ledger === null) throw ledgerNone();
    return ledger;
  };
  const demandUnlocked = (): void => {
    const reason = identity.reason();
    if (reason !== null) throw new WalletError({ code: reason.code }, reason.sentence);
  };
  const trackedOf = (): Tracked[] => accounts.list().map(({ id, account }) => ({ id, account }));
  const waitingOn = (ledger: FollowedLedger): Waiting => waitingOf(ledger, trackedOf(), sender);
  const nameOf = (address: string): string => names.nameOf(address);

  // History

  /** What is not in a block: what waits, and what of this session cannot become final any more. */
  const openLines = async (ledger: FollowedLedger): Promise<OpenLine[]> => {
    const lines = linesOf(waitingOn(ledger));
    const waits = new Set(lines.map(({ row }) => (row.transaction === null ? '' : hexOf(row.transaction))));
    for (const [hash, one] of sent) {
      if (one.ledger !== ledger.id || waits.has(hash)) continue;
      const state = await stateOf(ledger, one.row);
      if (state === 'final') sent.delete(hash);
      else lines.push({ row: one.row, state });
    }
    return lines.sort(({ row: one }, { row: other }) => other.atMs - one.atMs || other.accountId - one.accountId);
  };
  /** Of a transaction that waits nowhere any more. */
  const stateOf = async (ledger: FollowedLedger, row: EntryRow): Promise<'waiting' | 'final' | 'dropped'> => {
    if (row.transaction === null) return 'dropped';
    if ((await rows.byTransaction(bytesOfHex(ledger.id), row.transaction)).length > 0) return 'final';
    // Final, perhaps, in a block that was not written down yet.
    return history.isBusy(ledger.id) ? 'waiting' : 'dropped';
  };
  const requestFor = (account: string | undefined) => ({
    ledger: currentLedger(),
    accounts: account === undefined ? accounts.list() : [accounts.find(account)],
    named: (text: string) => names.named(text),
    nameOf,
  });
  const demandHistory = (): void => {
    if (history.problem !== null) throw history.problem;
  };

  const draft = createDrafting({
    clock,
    identity,
    rows,
    sender,
    accounts,
    names,
    drafts,
    currentLedger,
    demandUnlocked,
    waitingOn,
  });
  const requests = createRequests({ clock, random, rows, ledgers, accounts, currentLedger, changed });

  // Signing

  /** @throws {WalletError | IdentityError} unless the owner agreed */
  const askOwner = async ({ view }: Prepared, { face, passphrase }: Approver): Promise<void> => {
    const byDialog = face === 'window' || identity.view().sealedBy === 'keyStore';
    if (byDialog && approval !== null) {
      if (await approval.ask(view)) return;
      throw new WalletError({ code: 'DECLINED' }, 'Nothing was signed: you did not agree.');
    }
    // No page is the owner: without a dialog only who knows the passphrase is.
    if (passphrase === undefined)
      throw new WalletError(
        { code: 'PASSPHRASE_NEEDED' },
        'Signing needs the passphrase that unlocks the keys, each time; give it and try again.',
      );
    await identity.confirmOwner({ passphrase });
  };
  const signAndSend = async ({ account, payload, view }: Prepared, draftId: string): ReturnType<Wallet['approve']> => {
    const { signer } = await identity.accountAt(account.place ?? 0);
    if (!sameBytes(signer.keyIdBytes, account.account))
      throw new WalletError(
        { code: 'DRAFT_CHANGED', what: 'who signs' },
        'Nothing was signed: the keys are of another identity than what was shown. Prepare it again.',
      );
    if (payload.type === 'message') {
      const file = await signer.sign('wallet-message', payload.bytes);
      const day = new Date(payload.atMs).toISOString().slice(0, 10);
      return {
        signed: 'message',
        file: Buffer.from(file).toString('base64'),
        fileName: `hypermesh-message-${day}.hmmessage`,
      };
    }
    const feeMicro = BigInt(view.feeMicro);
    const { hash, nonce } = await sender.send({
      signer: guardedSigner(signer, { ...payload, feeMicro }),
      ledger: payload.ledger,
      kind: payload.kind,
      fields: payload.fields,
      // It is a row before it leaves, under a key that is used once: after a crash it is sent again or not at all, and never twice.
      key: `wallet.${draftId}`,
    });
    const tracked: Tracked = { id: account.id, account: account.account };
    const transaction = {
      version: 1,
      network: payload.network,
      kind: payload.kind,
      asset: null,
      previous: null,
      atMs: clock.nowMs(),
      data: { ...payload.fields, nonce, fee: feeMicro },
    } as const;
    const [row] = explainTransactions(
      new Map([[hexOf(tracked.account), tracked]]),
      { height: 0, atMs: transaction.atMs },
      [{ hash, transaction, signerBytes: account.account }],
    );
    if (row === undefined) throw new Error('What was sent is a transaction of the account that signed it.');
    sent.set(hexOf(hash), { ledger: payload.ledger, row });
    const [oldest] = sent.keys();
    if (sent.size > DROPPED_KEPT && oldest !== undefined) sent.delete(oldest);
    changed();
    return {
      signed: 'transaction',
      transaction: hexOf(hash),
      entry: openEntry({ row, state: 'waiting' }, accountText(account.account), nameOf),
    };
  };
  const told = (error: unknown): unknown => {
    if (!isNodeError(error) || error instanceof WalletError) return error;
    const { refusal } = error.data as { refusal?: unknown };
    if (error.code === 'NOT_ENOUGH' || (typeof refusal === 'string' && LOW_BALANCE.has(refusal)))
      return new WalletError({ code: 'NOT_ENOUGH', availableMicro: '', neededMicro: '' }, error.message, {
        cause: error,
      });
    if (error.code === 'TRANSACTION_REFUSED')
      return new WalletError(
        { code: 'TRANSACTION_REFUSED', refusal: typeof refusal === 'string' ? refusal : '' },
        error.message,
        { cause: error },
      );
    return error;
  };
  const approve = async (draftId: string, by: Approver): ReturnType<Wallet['approve']> => {
    demandUnlocked();
    const prepared = drafts.take(draftId);
    try {
      await askOwner(prepared, by);
    } catch (error) {
      metrics?.approvals.inc(1, { outcome: 'declined' });
      if (isNodeError(error) && error.code === 'DECLINED') drafts.end(draftId);
      else drafts.putBack(draftId);
      throw error;
    }
    // Locked while the question stood: the keys were put away on purpose.
    const held = drafts.holds(draftId);
    drafts.end(draftId);
    demandUnlocked();
    if (!held || clock.nowMs() > prepared.view.expiresAtMs + DRAFT_MS)
      throw new WalletError({ code: 'DECLINED' }, 'Nothing was signed: the keys were locked while you were asked.');
    try {
      const result = await signAndSend(prepared, draftId);
      metrics?.approvals.inc(1, { outcome: 'signed' });
      return result;
    } catch (error) {
      metrics?.approvals.inc(1, { outcome: 'refused' });
      throw told(error);
    }
  };

  const view: Wallet['view'] = async () => {
    const ledger = ledgers.current();
    return viewOf({
      ledger,
      status: identity.view().status,
      reason: identity.reason()?.sentence ?? null,
      accounts: accounts.list(),
      waiting: ledger === null ? null : waitingOn(ledger),
      settings: kept,
      approval: approval === null ? 'passphrase' : 'dialog',
    });
  };

  /** Keys came, went, or are another's now. */
  const onIdentity = (): void => {
    if (identity.view().status === 'unlocked') autoLock.set(kept.lockAfterMinutes);
    else {
      drafts.clear();
      autoLock.stop();
    }
    void inTurn(async () => {
      if (stopped) return;
      await accounts.load();
      changed();
    })
      .then(() => accounts.search())
      .catch((error: unknown) => logger.warn('The accounts could not be read', { reason: messageOf(error) }));
  };

  return {
    on: (name, listener) => events.on(name, listener),
    async start() {
      kept = await readWalletSettings(settings);
      await names.load();
      await accounts.load();
      history.start();
      if (identity.view().status === 'unlocked') autoLock.set(kept.lockAfterMinutes);
      endings.push(
        identity.on('changed', onIdentity),
        history.on('changed', changed),
        ledgers.on('final', changed),
        ledgers.on('changed', () => {
          changed();
          void accounts.search();
        }),
      );
      void accounts.search();
    },
    async stop() {
      stopped = true;
      for (const end of endings.splice(0)) end();
      autoLock.stop();
      drafts.clear();
      await history.stop();
      await turn;
    },
    view,
    async addAccount({ name, watch }) {
      const account = watch === undefined ? null : addressOf(watch);
      if (account === null) demandUnlocked();
      await inTurn(() => accounts.add(name.trim(), account));
      return await view();
    },
    async rename(account, name) {
      await inTurn(() => accounts.rename(accounts.find(account), name.trim()));
      return await view();
    },
    async removeAccount(account) {
      await inTurn(() => accounts.remove(accounts.find(account)));
      return await view();
    },
    async history(query: HistoryQuery) {
      demandHistory();
      const request = requestFor(query.account);
      return await readEntries(rows, await openLines(request.ledger), request, query);
    },
    async exportHistory(account) {
      demandHistory();
      const request = requestFor(account);
      const day = new Date(clock.nowMs()).toISOString().slice(0, 10);
      return {
        fileName: `hypermesh-history-${day}.csv`,
        csv: await exportEntries(rows, request, kept.priceList),
      };
    },
    async draft(request) {
      autoLock.touch();
      return await draft(request);
    },
    async approve(id, by) {
      autoLock.touch();
      return await approve(id, by);
    },
    async settled(transaction) {
      const hash = bytesOfHex(transaction);
      const ledger = ledgers.list().find(({ id }) => id === sent.get(transaction)?.ledger) ?? currentLedger();
      const [found] = await rows.byTransaction(bytesOfHex(ledger.id), hash);
      if (found !== undefined) return { state: 'final', height: found.height, reason: '' };
      const dropped = trackedOf()
        .flatMap(({ account }) => sender.dropped(account))
        .find((one) => sameBytes(one.hash, hash));
      if (dropped !== undefined) return { state: 'dropped', height: null, reason: dropped.reason };
      const isKnown =
        sent.has(transaction) ||
        waitingOn(ledger).lines.some((line) => line.transaction !== null && sameBytes(line.transaction, hash));
      if (!isKnown)
        throw new WalletError(
          { code: 'TRANSACTION_UNKNOWN' },
          'The wallet knows no such transaction on this network; look for it in the history.',
        );
      const late = new AbortController();
      const cancel = clock.after(SETTLED_WAIT_MS, () => late.abort(new Error('it takes longer')));
      try {
        return { state: 'final', height: await ledger.replica.settled(hash, late.signal), reason: '' };
      } catch (error) {
        if (late.signal.aborted) return { state: 'waiting', height: null, reason: '' };
        if (isNodeError(error) && error.code === 'DROPPED')
          return { state: 'dropped', height: null, reason: error.message };
        throw error;
      } finally {
        cancel();
      }
    },
    async verifyMessage(file) {
      checkMessageSize(file);
      const outcome = messageOrThrow(await workers.run<Uint8Array, MessageOutcome>('satchel.verifyMessage', file));
      if (!outcome.ok)
        return { passed: false, address: null, name: '', message: '', atMs: null, sentence: outcome.sentence };
      const address = accountText(outcome.account);
      const name = nameOf(address);
      return {
        passed: true,
        address,
        name,
        message: outcome.message,
        atMs: outcome.atMs,
        sentence: `Both signatures hold: ${name === '' ? 'the account below' : name} signed this message, and says that it was at the time below.`,
      };
    },
    contacts: () => names.contacts(),
    setContact: (contact) =>
      inTurn(async () => {
        await names.setContact(contact);
        changed();
        return names.contacts();
      }),
    removeContact: (address) =>
      inTurn(async () => {
        await names.removeContact(address);
        changed();
        return names.contacts();
      }),
    requests: () => requests.list(),
    request: (wanted) => inTurn(() => requests.add(wanted)),
    removeRequest: (id) => inTurn(() => requests.remove(id)),
    set: ({ lockAfterMinutes, priceList }) =>
      inTurn(async () => {
        const next: WalletSettings = {
          lockAfterMinutes: lockAfterMinutes ?? kept.lockAfterMinutes,
          priceList: priceList === undefined ? kept.priceList : sortedPrices(priceList),
        };
        await writeWalletSettings(settings, next);
        kept = next;
        if (identity.view().status === 'unlocked') autoLock.set(kept.lockAfterMinutes);
        changed();
        return await view();
      }),
    nameOf,
    touch: () => autoLock.touch(),
  };
};
