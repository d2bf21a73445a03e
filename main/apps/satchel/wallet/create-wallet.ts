import { type CaesarKind, type Sender, accountText } from '../../caesar/index.ts';
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
import { keyIdText } from '../../../base/crypto/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import type { DraftRequest, PaymentRequest, WalletDraft } from '../../../../preload/contract/index.ts';
import type { Identity } from '../interface.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { parseCaes } from './amount.ts';
import { createAutoLock } from './auto-lock.ts';
import {
  DROPPED_KEPT,
  DRAFT_MS,
  MESSAGE_LENGTH_MAX,
  REQUEST_MEMO_LENGTH_MAX,
  REQUESTS_KEPT_MAX,
  SETTLED_WAIT_MS,
} from './constants.ts';
import { type Drafts, type Prepared, createDrafts } from './drafts.ts';
import { bytesOfHex, hexOf, sameBytes } from './economy.ts';
import { type OpenLine, exportEntries, linesOf, openEntry, readEntries } from './entries.ts';
import { WalletError, ledgerNone } from './errors.ts';
import { type Tracked, explainTransactions } from './explain.ts';
import { guardedSigner, namedSigner } from './guard.ts';
import { type History, createHistory } from './history.ts';
import type { ApprovalDialog, Approver, HistoryQuery, Wallet, WalletEvents } from './interface.ts';
import { addressOf, encodePaymentLink, memoProblem } from './link.ts';
import { type MessageOutcome, checkMessageSize, encodeMessage, messageOrThrow } from './message.ts';
import { createWalletMetrics } from './metrics.ts';
import { type Names, createNames } from './names.ts';
import { looksLike, prepareTransaction } from './prepare.ts';
import { type AccountRow, type EntryRow, type RequestRow, createWalletRows } from './rows.ts';
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

/** Accounts that a payee is compared with, newest first. */
const COMPARED_MAX = 1000;
const REQUEST_ID_BYTES = 8;
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

  // Drafts

  const warningsAbout = async (ledger: FollowedLedger, payee: Uint8Array): Promise<string[]> => {
    const own = accounts.list().find(({ account }) => sameBytes(account, payee));
    if (own !== undefined && own.place !== null) return [`This is your own account ${own.name}.`];
    const ids = accounts.list().flatMap(({ id, place }) => (place === null ? [] : [id]));
    const ledgerBytes = bytesOfHex(ledger.id);
    const [paid, others] = await Promise.all([
      rows.everPaid(ledgerBytes, ids, payee),
      rows.others(ledgerBytes, ids, COMPARED_MAX),
    ]);
    if (paid) return [];
    const address = accountText(payee);
    const found: string[] = ['You have never paid this address before. Compare it with where it came from.'];
    const known = [
      ...names.contacts().map((contact) => contact.address),
      ...accounts.list().map(({ account }) => accountText(account)),
      ...others.map(accountText),
    ];
    const alike = known.find((one) => looksLike(one, address));
    if (alike !== undefined)
      found.unshift(
        `This address looks like that of ${nameOf(alike) === '' ? alike : nameOf(alike)}, and is another: it only begins and ends alike. Somebody may want to be mistaken for them.`,
      );
    return found;
  };
  const ownAccount = (text: string | undefined): AccountRow & { place: number } => {
    const row = accounts.find(text);
    if (row.place === null)
      throw new WalletError(
        { code: 'WATCH_ONLY' },
        `${row.name} is somebody’s account that is only watched, so nothing can be signed for it here; choose one of your own.`,
      );
    return { ...row, place: row.place };
  };
  const draftMessage = (request: Extract<DraftRequest, { kind: 'message' }>): WalletDraft => {
    const account = ownAccount(request.account);
    const message = request.message.normalize('NFC');
    if (message.length > MESSAGE_LENGTH_MAX || !message.isWellFormed())
      throw new WalletError(
        { code: 'MEMO_WRONG' },
        `A message has at most ${MESSAGE_LENGTH_MAX} characters, all of them whole; write it anew.`,
      );
    const atMs = clock.nowMs();
    const address = accountText(account.account);
    return drafts.add((draft, expiresAtMs) => ({
      account,
      payload: { type: 'message', bytes: encodeMessage({ message, atMs }), atMs },
      view: {
        draft,
        kind: 'message',
        account: address,
        title: `Sign a message as ${account.name}?`,
        lines: [
          { label: 'As', value: `${account.name}, ${address}` },
          { label: 'Message', value: message },
          { label: 'Time', value: new Date(atMs).toISOString() },
        ],
        amountMicro: '0',
        feeMicro: '0',
        availableBeforeMicro: '0',
        availableAfterMicro: '0',
        warnings: ['Whoever gets the file can show to anybody that this account said so, for ever.'],
        expiresAtMs,
      },
    })).view;
  };
  const draft = async (request: DraftRequest): Promise<WalletDraft> => {
    demandUnlocked();
    if (request.kind === 'message') return draftMessage(request);
    const ledger = currentLedger();
    const account = ownAccount(request.account);
    const signer = namedSigner(keyIdText(account.account), account.account);
    const sheet = prepareTransaction(request, {
      ledger,
      state: ledger.replica.state(),
      account,
      outgoingMicro: waitingOn(ledger).outgoingMicro(account.id),
      certificate: account.place === 0 ? (identity.node()?.certificate ?? null) : null,
      nowMs: clock.nowMs(),
      nameOf,
      byName: (name) => names.byName(name),
      feeOf: (kind: CaesarKind, fields) => sender.quote({ signer, ledger: ledger.id, kind, fields }).feeMicro,
    });
    const about = sheet.payee === null ? [] : await warningsAbout(ledger, sheet.payee);
    demandUnlocked();
    return drafts.add((id, expiresAtMs) => ({
      account,
      payload: {
        type: 'transaction',
        ledger: ledger.id,
        network: ledger.replica.network,
        kind: sheet.kind,
        fields: sheet.fields,
      },
      view: {
        draft: id,
        kind: request.kind,
        account: accountText(account.account),
        title: sheet.title,
        lines: sheet.lines,
        amountMicro: sheet.amountMicro.toString(),
        feeMicro: sheet.feeMicro.toString(),
        availableBeforeMicro: sheet.beforeMicro.toString(),
        availableAfterMicro: sheet.afterMicro.toString(),
        warnings: [...about, ...sheet.warnings],
        expiresAtMs,
      },
    })).view;
  };

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

  // Requests

  const linkOf = ({ ledger, amountMicro, memo }: RequestRow, account: Uint8Array): string =>
    encodePaymentLink({ to: account, amountMicro, memo, network: hexOf(ledger) });
  const requestView = async (row: RequestRow): Promise<PaymentRequest | null> => {
    const account = accounts.list().find(({ id }) => id === row.accountId);
    if (account === undefined) return null;
    const paid = await rows.paidWith(row.ledger, row.accountId, row.memo, row.createdAtMs);
    return {
      id: row.id,
      account: accountText(account.account),
      amountMicro: row.amountMicro?.toString() ?? null,
      memo: row.memo,
      link: linkOf(row, account.account),
      createdAtMs: row.createdAtMs,
      paidMicro: paid.toString(),
    };
  };
  const requests = async (): Promise<PaymentRequest[]> => {
    const ledger = ledgers.current();
    if (ledger === null) return [];
    const found = await rows.requests(
      bytesOfHex(ledger.id),
      accounts.list().map(({ id }) => id),
    );
    const views = await Promise.all(found.map(requestView));
    return views.filter((view) => view !== null);
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
    requests,
    request: ({ account, amount, memo }) =>
      inTurn(async () => {
        const ledger = currentLedger();
        const row = accounts.find(account);
        const problem = memoProblem(memo);
        if (problem !== null || memo.length > REQUEST_MEMO_LENGTH_MAX)
          throw new WalletError(
            { code: 'MEMO_WRONG' },
            `The note cannot be part of a link: ${problem ?? 'it is too long'}. Write it anew, in one line.`,
          );
        if ((await rows.requestCount()) >= REQUESTS_KEPT_MAX)
          throw new WalletError(
            { code: 'REQUESTS_FULL', max: REQUESTS_KEPT_MAX },
            `${REQUESTS_KEPT_MAX} payments were asked for already; take some off the list first.`,
          );
        const made: RequestRow = {
          id: hexOf(random.bytes(REQUEST_ID_BYTES)),
          ledger: bytesOfHex(ledger.id),
          accountId: row.id,
          amountMicro: amount === undefined ? null : parseCaes(amount),
          memo: memo.normalize('NFC'),
          createdAtMs: clock.nowMs(),
        };
        await rows.addRequest(made);
        changed();
        const shown = await requestView(made);
        if (shown === null) throw new Error('A request that was just made has an account.');
        return shown;
      }),
    removeRequest: (id) =>
      inTurn(async () => {
        const found = (await requests()).filter((one) => one.id.startsWith(id));
        const [only, ...others] = found;
        if (only === undefined || others.length > 0)
          throw new WalletError(
            { code: 'REQUEST_UNKNOWN' },
            'There is no such request, or more than one begins like that; `hypermesh wallet requests` lists them.',
          );
        await rows.removeRequest(only.id);
        changed();
        return await requests();
      }),
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
