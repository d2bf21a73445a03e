import {
  assert,
  isNodeError,
  messageOf,
  newAllocationId,
  type AllocationId,
  type AssetId,
  type Logger,
  type Outside,
  type Statement,
  type Store,
} from '../../base/index.ts';
import type {
  AllocationView,
  CapacityUnit,
  Reading,
  ResourceKey,
  ResourcePromise,
} from '../../../preload/contract/index.ts';
import {
  ALLOCATIONS_MAX,
  LIST_PAGE_SIZE,
  ORPHAN_ROWS_MAX,
  PURPOSE_LENGTH_MAX,
  REQUESTS_MAX,
  RISE_DELAY_MS,
  USE_REPORT_MAX_AGE_MS,
} from './constants.ts';
import { AllocationError } from './errors.ts';
import type { AllocationBook, AllocationRequest, AssetAdapter, Holder } from './interface.ts';
import type { Evaluation } from './limits/index.ts';
import type { AssetsMetrics } from './metrics.ts';
import { scaleShares } from './scale-shares.ts';

/** What the book has to know of one resource. */
export interface BookedResource {
  resource: ResourceKey;
  /** Null while there is no such hardware; the capacity is unknown then. */
  assetId: AssetId | null;
  unit: CapacityUnit;
  capacity: Reading<number>;
  /** The owner's own bound in the asset's unit, whatever capacity and level say; null: none. */
  amountMax: number | null;
  adapter: Pick<AssetAdapter, 'allocate' | 'release' | 'elasticity'>;
  evaluation: Evaluation;
}

/** The book as `createAssets` drives it. Users of the module see {@link AllocationBook} alone. */
export interface DrivenAllocationBook extends AllocationBook {
  /** Deletes rows that a crash left, then admits. @returns rows deleted */
  open(): Promise<number>;
  /** Admits nothing more and writes off what is still to be deleted. May be called twice. */
  close(): Promise<void>;
  /**
   * Takes over capacities and levels. Holders are told before it returns: those that have to take less first, so that
   * never more is in effect than the lower of the old and the new level.
   */
  apply(resources: readonly BookedResource[]): void;
  /** Evicts everything that lives. @returns how many */
  evictAll(reason: string): number;
}

export interface AllocationBookComponents {
  outside: Outside;
  logger: Logger;
  metrics: AssetsMetrics | null;
  store: Store;
  /** Called, at once, after any change of what is promised or in effect. */
  onChange: () => void;
}

/**
 * - `reserving`: counted as promised, its row is being written, its holder knows nothing;
 * - `live`: row on disk, holder told;
 * - `evicting`: holder was told to end, has not released yet: still promised, nothing in effect;
 * - `releasing`: holder has ended, the adapter is undoing its part: still promised, nothing in effect.
 */
type EntryState = 'reserving' | 'live' | 'evicting' | 'releasing';
interface Entry {
  readonly id: AllocationId;
  readonly account: Account;
  readonly assetId: AssetId;
  /** What is promised. Changes for entries that yield only. */
  amount: number;
  readonly purpose: string;
  readonly yields: boolean;
  readonly present: number;
  readonly createdAtMs: number;
  readonly holder: Holder;
  state: EntryState;
  /** What the holder was told. */
  effective: number;
  used: number | null;
  usedAtMs: number;
}

/** Sums over one resource, kept so that taking and giving back cost the same however many live. */
interface Account {
  booked: BookedResource;
  /** The last capacity that was known: what was promised is not ended because a reading failed once. */
  capacityLast: number;
  /** Amounts of all entries in whatever state. */
  promised: number;
  /** Amounts of entries whose rows are being written: their holders have not begun. */
  reserved: number;
  /** Amounts of live entries. */
  livePromised: number;
  /** What live holders were told, together. */
  effective: number;
  /** Some live holder has less than its amount. */
  squeezed: boolean;
  /** Amounts of live entries that yield. */
  yielding: number;
  /** Live entries in the order of their admission. */
  readonly live: Map<AllocationId, Entry>;
  /** Entries in whatever state. */
  count: number;
  /** Live holders have come or gone since they were last fitted. */
  stale: boolean;
  /** What they were last fitted into. */
  fittedTo: number;
  /** Counts passes, so that one notices when a holder that it told has started another. */
  pass: number;
  /** Cancels the pass that lets squeezed holders rise. */
  cancelRise: (() => void) | null;
}

const INSERT_SQL =
  'INSERT INTO allocations (id, asset_id, resource, amount, purpose, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)';
const DELETE_SQL = 'DELETE FROM allocations WHERE id = ?';

/** Runs a holder's method. An error in it is a bug of the holder and goes to the top level; the others are still told. */
const tell = (action: () => void): void => {
  try {
    action();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};

/** floor(capacity × percent / 100), exact beyond 2^53 / 100. */
const partOf = (capacity: number, percent: number): number => Number((BigInt(capacity) * BigInt(percent)) / 100n);

class Book implements DrivenAllocationBook {
  readonly #components: AllocationBookComponents;
  readonly #accounts = new Map<string, Account>();
  /** In the order of admission. */
  readonly #entries = new Map<AllocationId, Entry>();
  /** Rows whose deletion failed. Harmless but for the space: the next start deletes them at the latest. */
  readonly #orphans = new Set<AllocationId>();
  #isOpen = false;

  constructor(components: AllocationBookComponents) {
    this.#components = { ...components, logger: components.logger.child('allocations') };
  }

  get size(): number {
    return this.#entries.size;
  }

  async open(): Promise<number> {
    assert(this.#entries.size === 0, 'The book is empty when it opens.');
    const deleted = await this.#components.store.run('allocations.purge', 'DELETE FROM allocations');
    this.#isOpen = true;
    return deleted;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    for (const account of this.#accounts.values()) {
      account.cancelRise?.();
      account.cancelRise = null;
    }
    await this.#deleteOrphans();
  }

  async allocate(requests: readonly AllocationRequest[]): Promise<AllocationId[]> {
    const { clock } = this.#components.outside;
    const startedAtMs = clock.monotonicMs();
    let entries: Entry[];
    try {
      entries = this.#reserve(requests);
    } catch (error) {
      if (isNodeError(error)) this.#components.metrics?.refusals.inc(1, { code: error.code });
      throw error;
    }
    this.#changed();
    try {
      await this.#insert(entries);
    } catch (error) {
      // Nobody can tell whether the rows are there: they count as not promised and are deleted once that is possible.
      this.#forget(entries);
      this.#leaveOrphans(entries);
      throw error;
    }
    const reserved: Entry[] = [];
    try {
      for (const entry of entries) {
        await entry.account.booked.adapter.allocate(this.#view(entry), entry.present);
        reserved.push(entry);
      }
      // While the disk wrote, the owner may have lowered a level.
      this.#admit(entries);
    } catch (error) {
      for (const entry of reserved) await this.#releaseInAdapter(entry);
      this.#forget(entries);
      await this.#deleteRows(entries);
      if (isNodeError(error)) this.#components.metrics?.refusals.inc(1, { code: error.code });
      throw error;
    }
    this.#components.metrics?.allocateSeconds.observe((clock.monotonicMs() - startedAtMs) / 1000);
    return entries.map((entry) => entry.id);
  }

  async release(ids: readonly AllocationId[]): Promise<void> {
    const entries: Entry[] = [];
    for (const id of ids) {
      const entry = this.#entries.get(id);
      // Unknown: released before, which is allowed.
      if (entry === undefined || entry.state === 'releasing') continue;
      assert(entry.state !== 'reserving', 'Only an allocation whose id was handed out can be released.');
      this.#leaveLive(entry, 'releasing');
      entries.push(entry);
    }
    if (entries.length === 0) return;
    for (const entry of entries) await this.#releaseInAdapter(entry);
    this.#forget(entries);
    await this.#deleteRows(entries);
  }

  list(after?: string): AllocationView[] {
    const views: AllocationView[] = [];
    let passed = after === undefined;
    for (const entry of Array.from(this.#entries.values()).reverse()) {
      if (passed && entry.state !== 'reserving') views.push(this.#view(entry));
      if (views.length === LIST_PAGE_SIZE) break;
      passed ||= entry.id === after;
    }
    return views;
  }

  promises(): ResourcePromise[] {
    const nowMs = this.#components.outside.clock.monotonicMs();
    return Array.from(this.#accounts.values(), (account) => {
      let measured: number | null = account.live.size === 0 ? 0 : null;
      for (const entry of account.live.values())
        if (entry.used !== null && nowMs - entry.usedAtMs <= USE_REPORT_MAX_AGE_MS)
          measured = (measured ?? 0) + entry.used;
      return {
        resource: account.booked.resource,
        unit: account.booked.unit,
        // What a pause leaves in place is not above what is lendable: it is what is lendable to those that have it.
        lendable: account.booked.capacity.known ? Math.max(this.#lendable(account), account.effective) : null,
        promised: account.promised,
        effective: account.effective,
        measured,
        allocations: account.count,
      };
    });
  }

  free(resource: ResourceKey): number {
    const account = this.#accounts.get(resource);
    return account === undefined ? 0 : Math.max(0, this.#lendable(account) - account.promised + account.yielding);
  }

  reportUse(id: AllocationId, used: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    assert(Number.isFinite(used) && used >= 0, 'Measured use is a number of at least 0.');
    entry.used = used;
    entry.usedAtMs = this.#components.outside.clock.monotonicMs();
  }

  apply(resources: readonly BookedResource[]): void {
    for (const booked of resources) {
      const account = this.#accounts.get(booked.resource);
      if (account === undefined) {
        this.#accounts.set(booked.resource, {
          booked,
          capacityLast: booked.capacity.known ? booked.capacity.value : 0,
          promised: 0,
          reserved: 0,
          livePromised: 0,
          effective: 0,
          squeezed: false,
          yielding: 0,
          live: new Map(),
          count: 0,
          stale: false,
          fittedTo: 0,
          pass: 0,
          cancelRise: null,
        });
        continue;
      }
      account.booked = booked;
      if (booked.capacity.known) account.capacityLast = booked.capacity.value;
      this.#fit(account);
    }
    if (this.#orphans.size > 0) void this.#deleteOrphans();
  }

  evictAll(reason: string): number {
    const entries = Array.from(this.#entries.values()).filter((entry) => entry.state === 'live');
    for (const entry of entries) this.#evict(entry, reason);
    if (entries.length > 0) this.#changed();
    return entries.length;
  }

  /** Decides and counts in one go, with nothing awaited: this is what makes any interleaving safe. */
  #reserve(requests: readonly AllocationRequest[]): Entry[] {
    assert(requests.length > 0 && requests.length <= REQUESTS_MAX, `A request is for 1 to ${REQUESTS_MAX} resources.`);
    if (!this.#isOpen)
      throw new AllocationError(
        { code: 'NOT_RUNNING' },
        'The node is starting or stopping, so it lends nothing; try again once it runs.',
      );
    if (this.#entries.size + requests.length > ALLOCATIONS_MAX)
      throw new AllocationError(
        { code: 'TOO_MANY_ALLOCATIONS', allocationsMax: ALLOCATIONS_MAX },
        `${ALLOCATIONS_MAX} allocations live already, the most this node keeps; wait for some to end.`,
      );
    const wanted = new Map<Account, number>();
    for (const { resource, amount, purpose } of requests) {
      assert(purpose.length <= PURPOSE_LENGTH_MAX, `A purpose has at most ${PURPOSE_LENGTH_MAX} characters.`);
      const account = this.#accounts.get(resource);
      if (account === undefined)
        throw new AllocationError(
          { code: 'RESOURCE_UNKNOWN', resource },
          `This machine has no ${resource} to lend; \`hypermesh hardware assets\` lists what it has.`,
        );
      if (!Number.isSafeInteger(amount) || amount <= 0)
        throw new AllocationError(
          { code: 'AMOUNT_INVALID', resource, amount },
          `An amount of ${resource} must be a whole number of ${account.booked.unit} above 0.`,
        );
      wanted.set(account, (wanted.get(account) ?? 0) + amount);
    }
    const waits = requests.some(({ yields = false }) => yields);
    assert(
      !waits || requests.every(({ yields = false, resource }) => yields && this.#isShare(resource)),
      'Only what can be squeezed can be yielded.',
    );
    for (const [account, amount] of wanted)
      this.#refuseUnlessFree(account, amount, account.promised - (waits ? 0 : account.yielding));
    // All of it can be had: only now does anybody lose something for it.
    const shrunk = waits ? [] : Array.from(wanted, ([account, amount]) => this.#makeRoom(account, amount)).flat();

    const createdAtMs = this.#components.outside.clock.nowMs();
    const reserved = requests.map(({ resource, amount, purpose, present = 0, yields = false, holder }) => {
      const account = this.#accounts.get(resource);
      assert(account !== undefined, 'The resource was looked up above.');
      const id = newAllocationId(this.#components.outside.random);
      assert(!this.#entries.has(id), 'No two allocations have the same id.');
      const { assetId } = account.booked;
      assert(assetId !== null, 'What has a capacity is registered.');
      const entry: Entry = {
        id,
        account,
        assetId,
        amount,
        purpose,
        yields,
        present,
        createdAtMs,
        holder,
        state: 'reserving',
        effective: 0,
        used: null,
        usedAtMs: 0,
      };
      account.promised += amount;
      account.reserved += amount;
      account.count++;
      this.#entries.set(id, entry);
      return entry;
    });
    // Told once the room is taken: one that asks again at once finds it gone.
    for (const entry of shrunk)
      tell(() => {
        if (entry.state !== 'live') return;
        entry.holder.yielded?.(entry.amount);
        entry.holder.setEffective(entry.effective);
      });
    return reserved;
  }

  /** reserving -> live, for all of a request or none. */
  #admit(entries: readonly Entry[]): void {
    if (!this.#isOpen)
      throw new AllocationError(
        { code: 'NOT_RUNNING' },
        'The node is stopping, so it lends nothing; try again once it runs.',
      );
    const wanted = new Map<Account, number>();
    for (const { account, amount } of entries) wanted.set(account, (wanted.get(account) ?? 0) + amount);
    // Others that are still being written do not count here, as each of them comes through this door itself. What is
    // evicted but has not ended does: it still takes what it was given.
    for (const [account, amount] of wanted)
      this.#refuseUnlessFree(account, amount, account.promised - account.reserved);
    for (const entry of entries) {
      const { account } = entry;
      entry.state = 'live';
      account.reserved -= entry.amount;
      entry.effective = entry.amount;
      account.live.set(entry.id, entry);
      account.livePromised += entry.amount;
      account.effective += entry.amount;
      if (entry.yields) account.yielding += entry.amount;
    }
    this.#changed();
    for (const entry of entries)
      tell(() => {
        // A holder told before may have released this one.
        if (entry.state === 'live') entry.holder.setEffective(entry.effective);
      });
  }

  #isShare(resource: string): boolean {
    return this.#accounts.get(resource)?.booked.adapter.elasticity === 'share';
  }

  /**
   * Lowers what is promised to those that yield, the newest first, until `amount` is free. Their rows keep the old amount:
   * what they are for is to be found after a crash.
   *
   * @returns those that have to be told
   */
  #makeRoom(account: Account, amount: number): Entry[] {
    const shrunk: Entry[] = [];
    let missing = amount - (this.#lendable(account) - account.promised);
    for (const entry of Array.from(account.live.values()).reverse()) {
      if (missing <= 0) break;
      if (!entry.yields || entry.amount === 0) continue;
      const cut = Math.min(entry.amount, missing);
      missing -= cut;
      entry.amount -= cut;
      account.promised -= cut;
      account.livePromised -= cut;
      account.yielding -= cut;
      const effective = Math.min(entry.effective, entry.amount);
      account.effective -= entry.effective - effective;
      entry.effective = effective;
      account.stale = true;
      shrunk.push(entry);
    }
    return shrunk;
  }

  /** @param taken - what counts as promised already */
  #refuseUnlessFree(account: Account, amount: number, taken: number): void {
    const { resource, capacity, evaluation, unit } = account.booked;
    const { level } = evaluation;
    if (!capacity.known)
      throw new AllocationError(
        { code: 'CAPACITY_UNKNOWN', resource, reason: capacity.reason },
        `Nobody knows how much ${resource} there is (${capacity.reason}), so none can be lent; \`hypermesh doctor\` says what is missing.`,
      );
    if (level.rule === 'pause')
      throw new AllocationError(
        { code: 'PAUSED', resource, untilMs: level.untilMs },
        `${level.reason}, so no ${resource} is lent; resume lending or wait.`,
      );
    const lendable = this.#lendable(account);
    const free = Math.max(0, lendable - taken);
    if (amount > free)
      throw new AllocationError(
        { code: 'LEVEL_EXCEEDED', resource, amount, free, lendable, reason: level.reason },
        `${amount} ${unit} of ${resource} were asked for and ${free} are free (${level.reason}); ask for less, wait, or raise the level.`,
      );
  }

  /** What may be promised of a resource now. */
  #lendable(account: Account): number {
    const { capacity, amountMax, evaluation } = account.booked;
    if (!capacity.known) return 0;
    return Math.min(partOf(capacity.value, evaluation.level.percent), amountMax ?? Infinity);
  }

  /** What may be in effect of a resource now. */
  #keepable(account: Account): number {
    const { amountMax, evaluation, adapter } = account.booked;
    const part = partOf(account.capacityLast, evaluation.keepPercent);
    return adapter.elasticity === 'share' ? Math.min(part, amountMax ?? Infinity) : part;
  }

  /** Makes what is in effect fit the level: squeezes what can be squeezed and evicts the newest of what cannot. */
  #fit(account: Account): void {
    const keepable = this.#keepable(account);
    if (account.booked.adapter.elasticity === 'space') {
      if (account.livePromised <= keepable) return;
      const { reason } = account.booked.evaluation.level;
      for (const entry of Array.from(account.live.values()).reverse()) {
        if (account.livePromised <= keepable) break;
        // A holder that ends at once releases its other allocations too, which may be among these.
        if (entry.state === 'live')
          this.#evict(entry, `${account.booked.resource} has to go back to its owner: ${reason}`);
      }
      this.#changed();
      return;
    }
    const fits = account.livePromised <= keepable;
    if (fits && !account.squeezed) return;
    if (!fits && account.squeezed && !account.stale && account.fittedTo === keepable) return;
    account.cancelRise?.();
    account.cancelRise = null;
    const entries = Array.from(account.live.values());
    const shares = scaleShares(
      entries.map((entry) => entry.amount),
      keepable,
    );
    account.squeezed = !fits;
    account.stale = false;
    account.fittedTo = keepable;
    const pass = ++account.pass;
    const targets = entries.map((entry, index) => [entry, shares[index] ?? 0] as const);
    // Falls first: nobody rises on what another still takes.
    const falls = targets.filter(([entry, share]) => share < entry.effective);
    const rises = targets.filter(([entry, share]) => share > entry.effective);
    if (falls.length + rises.length === 0) return;
    for (const [entry, share] of [...falls, ...rises]) {
      // A holder told before may have released this one, or brought about another pass, which has settled the rest.
      if (account.pass !== pass) return;
      if (entry.state !== 'live') continue;
      account.effective += share - entry.effective;
      entry.effective = share;
      tell(() => {
        entry.holder.setEffective(share);
      });
    }
    this.#changed();
  }

  /** live -> evicting */
  #evict(entry: Entry, reason: string): void {
    this.#leaveLive(entry, 'evicting');
    this.#components.metrics?.evictions.inc(1, { resource: entry.account.booked.resource });
    tell(() => {
      entry.holder.evict(reason);
    });
  }

  /** live | evicting -> evicting | releasing */
  #leaveLive(entry: Entry, state: 'evicting' | 'releasing'): void {
    const { account } = entry;
    if (entry.state === 'live') {
      account.live.delete(entry.id);
      account.livePromised -= entry.amount;
      if (entry.yields) account.yielding -= entry.amount;
      account.effective -= entry.effective;
      entry.effective = 0;
      assert(account.livePromised >= 0 && account.effective >= 0, 'Sums over live allocations are never negative.');
      account.stale = true;
      if (account.squeezed) this.#riseLater(account);
    }
    entry.state = state;
  }

  /** Lets squeezed holders have what others gave back: soon, in one pass for many. */
  #riseLater(account: Account): void {
    if (!this.#isOpen) return;
    account.cancelRise ??= this.#components.outside.clock.after(RISE_DELAY_MS, () => {
      account.cancelRise = null;
      this.#fit(account);
    });
  }

  /** Takes entries, in whatever state, off the books. */
  #forget(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.state === 'reserving') entry.account.reserved -= entry.amount;
      assert(entry.state !== 'live', 'What lives is released before it is forgotten.');
      const isThere = this.#entries.delete(entry.id);
      assert(isThere, 'An allocation is forgotten once.');
      entry.account.promised -= entry.amount;
      entry.account.count--;
      const { promised, reserved, livePromised } = entry.account;
      assert(promised >= reserved + livePromised && reserved >= 0, 'What is reserved or lives is promised.');
    }
    this.#changed();
  }

  async #insert(entries: readonly Entry[]): Promise<void> {
    const statements: Statement[] = entries.map(({ id, assetId, account, amount, purpose, createdAtMs }) => ({
      sql: INSERT_SQL,
      params: [id, assetId, account.booked.resource, amount, purpose, createdAtMs],
    }));
    const [only] = statements;
    if (only !== undefined && statements.length === 1)
      await this.#components.store.run('allocations.insert', only.sql, only.params);
    else await this.#components.store.transaction('allocations.insert', statements);
  }

  async #deleteRows(entries: readonly Entry[]): Promise<void> {
    try {
      await this.#deleteIds(entries.map((entry) => entry.id));
    } catch (error) {
      if (!isNodeError(error)) throw error;
      this.#components.logger.warn('Rows of ended allocations could not be deleted yet', { reason: messageOf(error) });
      this.#leaveOrphans(entries);
    }
  }

  async #deleteIds(ids: readonly AllocationId[]): Promise<void> {
    const [only] = ids;
    if (only !== undefined && ids.length === 1)
      await this.#components.store.run('allocations.delete', DELETE_SQL, [only]);
    else
      await this.#components.store.transaction(
        'allocations.delete',
        ids.map((id) => ({ sql: DELETE_SQL, params: [id] })),
      );
  }

  #leaveOrphans(entries: readonly Entry[]): void {
    for (const { id } of entries) if (this.#orphans.size < ORPHAN_ROWS_MAX) this.#orphans.add(id);
  }

  async #deleteOrphans(): Promise<void> {
    const ids = Array.from(this.#orphans).slice(0, LIST_PAGE_SIZE);
    if (ids.length === 0) return;
    for (const id of ids) this.#orphans.delete(id);
    try {
      await this.#deleteIds(ids);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      for (const id of ids) this.#orphans.add(id);
    }
  }

  async #releaseInAdapter(entry: Entry): Promise<void> {
    try {
      await entry.account.booked.adapter.release(this.#view(entry));
    } catch (error) {
      // Its holder has ended, so the amount is free; what the adapter left behind is its own to find at the next start.
      this.#components.logger.error('An adapter could not release an allocation', {
        resource: entry.account.booked.resource,
        reason: messageOf(error),
      });
    }
  }

  #view(entry: Entry): AllocationView {
    return {
      id: entry.id,
      assetId: entry.assetId,
      resource: entry.account.booked.resource,
      unit: entry.account.booked.unit,
      promised: entry.amount,
      effective: entry.effective,
      purpose: entry.purpose,
      createdAtMs: entry.createdAtMs,
    };
  }

  #changed(): void {
    this.#components.metrics?.allocations.set(this.#entries.size);
    this.#components.onChange();
  }
}

/** The book of this node; see {@link AllocationBook} for what it promises. */
export const createAllocationBook = (components: AllocationBookComponents): DrivenAllocationBook =>
  new Book(components);
