import { lstat, readFile, rm } from 'node:fs/promises';
import {
  type Clock,
  Emitter,
  type Logger,
  type Outside,
  type Settings,
  type WorkerPool,
  isNodeError,
  messageOf,
  writeFileAtomically,
} from '../../base/index.ts';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  ARGON2_LANES,
  ARGON2_MEMORY_KIB,
  ARGON2_PASSES,
  ARGON2_SALT_BYTES,
  type Argon2Costs,
  type DerivedKeys,
  parsePhrase,
} from '../../base/crypto/index.ts';
import type { DrillResult, IdentitySource, IdentityView, Sealing } from '../../../preload/contract/index.ts';
import { Attempts } from './attempts.ts';
import {
  BACKUP_FILE_BYTES_MAX,
  DRILL_LOOK_MS,
  IDENTITY_FILE_BYTES_MAX,
  IDENTITY_VERSION,
  REQUESTS_MAX,
  SETTING_BACKUP,
  SETTING_CREATED,
  SETTING_DRILL,
} from './constants.ts';
import { Draft } from './draft.ts';
import {
  compareKeys,
  drillDue,
  keptDrill,
  publicIdentityOf,
  readKeptBackup,
  readKeptCreated,
  readKeptDrill,
} from './drill.ts';
import { IdentityError } from './errors.ts';
import { wipe } from './identity-file.ts';
import type { Identity, IdentityComponents, IdentityEvents, IdentityInit, KeyStore } from './interface.ts';
import { type KeysInUse, createKeysInUse } from './keys-in-use.ts';
import { type SatchelMetrics, createSatchelMetrics } from './metrics.ts';
import type { PassphraseHeader } from './sealed-file.ts';
import type {
  BackupInput,
  CreateInput,
  CreateOutput,
  Made,
  OpenBackupOutput,
  OpenInput,
  OpenOutput,
  PublicPart,
  ReadOutput,
  SealInput,
  SealWith,
} from './work.ts';

/** What lies in the folder, and whether it is open. */
type State =
  | { status: 'none' }
  /** A file is there that cannot be understood. It is left as it is. */
  | { status: 'bad'; error: IdentityError }
  | { status: 'locked'; part: PublicPart; why: string }
  | { status: 'unlocked'; part: PublicPart; keys: KeysInUse };

export const createIdentity = (components: IdentityComponents, init: IdentityInit): Identity =>
  new Satchel(components, init);

const HOW_TO_UNLOCK = 'unlock them in Settings, or with `hypermesh identity unlock`';
const PASSPHRASE_SEALED = `The keys are sealed under a passphrase; ${HOW_TO_UNLOCK}.`;
const NO_KEY_STORE = 'This node runs without a window, and only the desktop app reaches the key store.';
/** Ways out for whoever cannot reach the key store that holds the key. */
const KEY_STORE_WAYS_OUT =
  'unlock the key store and try again, start the desktop app in the session that it was made in, or set a passphrase with your recovery phrase (`hypermesh identity restore --replace-sealing`)';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
/** What the system says, without the path that it repeats. */
const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? messageOf(error);

const none = (): IdentityError =>
  new IdentityError(
    { code: 'IDENTITY_NONE' },
    'This node has no identity yet; create one in Settings or with `hypermesh identity create`, or bring one back with `hypermesh identity restore`.',
  );
const damaged = (problem: string): IdentityError =>
  new IdentityError(
    { code: 'IDENTITY_DAMAGED', problem },
    `The file \`identity\` in the data folder is damaged (${problem}). It was left as it is. Bring back a copy of it, or move it away and restore the identity with your recovery phrase or a backup file.`,
  );
const newer = (found: number): IdentityError =>
  new IdentityError(
    { code: 'IDENTITY_NEWER', found },
    `The identity in this folder was written by a newer version of HyperMesh (format ${found}, this version knows ${IDENTITY_VERSION}). It was left as it is; install the newer version again.`,
  );
const unreadable = (reason: string): IdentityError =>
  new IdentityError(
    { code: 'IDENTITY_UNREADABLE', reason },
    `The file \`identity\` in the data folder cannot be read (${reason}). It was left as it is; make it readable for the user who runs the node, then unlock.`,
  );
const exists = (): IdentityError =>
  new IdentityError(
    { code: 'IDENTITY_EXISTS' },
    'There is an identity in this folder, and it is never replaced by another. To give it a new passphrase with its recovery phrase or a backup file, ask for its sealing to be replaced.',
  );
const wrongPassphrase = (): IdentityError =>
  new IdentityError(
    { code: 'PASSPHRASE_WRONG' },
    'The passphrase is wrong; try again, and mind capitals and the layout of the keyboard.',
  );
const keyStoreUnavailable = (reason: string): IdentityError =>
  new IdentityError(
    { code: 'KEY_STORE_UNAVAILABLE', reason },
    `The operating system’s key store cannot be used: ${reason} Use a passphrase, or unlock the key store and try again.`,
  );

class Satchel implements Identity {
  readonly #emitter = new Emitter<IdentityEvents>();
  readonly #clock: Clock;
  readonly #outside: Outside;
  readonly #logger: Logger;
  readonly #metrics: SatchelMetrics | null;
  readonly #settings: Settings;
  readonly #workers: WorkerPool;
  readonly #keyStore: KeyStore | null;
  readonly #path: string;
  readonly #costs: Argon2Costs;
  readonly #draft: Draft;
  readonly #attempts: Attempts;
  readonly #ending = new AbortController();
  #startPassphrase: string | null;
  #state: State = { status: 'none' };
  #lastDrill: DrillResult | null = null;
  #lastBackupAtMs: number | null = null;
  #createdHere = false;
  #cancelLook: () => void = () => undefined;
  #lastDue = false;
  #requests = 0;
  #last: Promise<unknown> = Promise.resolve();
  #unlockingAtStart: Promise<unknown> = Promise.resolve();

  constructor({ outside, logger, metrics, settings, workers, keyStore }: IdentityComponents, init: IdentityInit) {
    this.#outside = outside;
    this.#clock = outside.clock;
    this.#logger = logger.child('satchel');
    this.#metrics = createSatchelMetrics(metrics);
    this.#settings = settings;
    this.#workers = workers;
    this.#keyStore = keyStore;
    this.#path = init.path;
    this.#startPassphrase = init.passphrase ?? null;
    this.#costs = init.costs ?? { memoryKiB: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES };
    this.#draft = new Draft(outside);
    this.#attempts = new Attempts(this.#clock);
  }

  on<K extends keyof IdentityEvents>(name: K, listener: (payload: IdentityEvents[K]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  async start(): Promise<void> {
    await this.#exclusive(async () => {
      // What a start that was cut short left: never acknowledged, so nobody relies on it.
      await rm(`${this.#path}.new`, { force: true }).catch(() => undefined);
      await this.#load();
    });
    this.#cancelLook = this.#clock.every(DRILL_LOOK_MS, () => this.#look());
    const passphrase = this.#startPassphrase;
    this.#startPassphrase = null;
    const state = this.#state;
    if (state.status === 'bad')
      this.#logger.error('Identity cannot be opened', { code: state.error.code, reason: state.error.message });
    if (state.status !== 'locked') return;
    const unlocking = this.unlock({ ...(passphrase !== null && { passphrase }) }).catch((error: unknown) => {
      if (!isNodeError(error)) throw error;
      // Without a passphrase there is nothing to try: that is how such a node starts.
      if (error.code !== 'PASSPHRASE_NEEDED' && error.code !== 'STOPPING')
        this.#logger.warn('Identity stays locked', { code: error.code, reason: error.message });
    });
    // A key store may ask its owner, who may be away; a passphrase is tried at once.
    if (state.part.sealedBy === 'passphrase') await unlocking;
    else this.#unlockingAtStart = unlocking;
  }

  async stop(): Promise<void> {
    if (!this.#ending.signal.aborted)
      this.#ending.abort(
        new IdentityError({ code: 'STOPPING' }, 'The node is stopping; ask again once it has started anew.'),
      );
    this.#cancelLook();
    this.#draft.forget();
    this.#lockNow('The node has stopped.');
    await this.#unlockingAtStart;
    await this.#last.catch(() => undefined);
    this.#lockNow('The node has stopped.');
  }

  view(): IdentityView {
    const state = this.#state;
    const part = state.status === 'locked' || state.status === 'unlocked' ? state.part : null;
    const due = part === null ? null : drillDue(part.certificate.issuedAtMs, this.#lastDrill, this.#clock.nowMs());
    return {
      status: state.status === 'bad' ? 'locked' : state.status,
      lockedReason: this.#lockedReason(),
      identity: part && publicIdentityOf(part.certificate),
      sealedBy: part?.sealedBy ?? null,
      keyStore: this.#keyStoreState(),
      lastDrill: part && this.#lastDrill,
      drillDueAtMs: due?.atMs ?? null,
      drillDue: due?.due ?? false,
      lastBackupAtMs: part && this.#lastBackupAtMs,
    };
  }

  warnings(): ReturnType<Identity['warnings']> {
    const all: ReturnType<Identity['warnings']> = [];
    const reason = this.#lockedReason();
    if (reason !== null) all.push({ code: 'IDENTITY_LOCKED', message: reason });
    if (this.#isDue())
      all.push({
        code: 'DRILL_DUE',
        message:
          this.#lastDrill?.passed === false
            ? 'The last restore drill failed: what was entered does not bring back the keys of this node. Find the right phrase, or make a backup now, and do the drill again.'
            : 'It is time for a restore drill: show with your recovery phrase or a backup file that the keys would come back (Settings, or `hypermesh identity drill`).',
      });
    return all;
  }

  node(): ReturnType<Identity['node']> {
    return this.#state.status === 'unlocked' ? this.#state.keys.node : null;
  }
  account(): ReturnType<Identity['account']> {
    return this.#state.status === 'unlocked' ? this.#state.keys.account : null;
  }
  async accountAt(place: number): ReturnType<Identity['accountAt']> {
    const { keys } = this.#unlocked();
    try {
      return await keys.accountAt(place);
    } catch (error) {
      // Locked while they were derived.
      if (isNodeError(error) && error.code === 'LOCKED') throw this.#lockedError();
      throw error;
    }
  }
  createdHere(): boolean {
    return this.#createdHere;
  }
  reason(): ReturnType<Identity['reason']> {
    if (this.#state.status === 'unlocked') return null;
    return this.#state.status === 'none'
      ? { code: 'IDENTITY_NONE', sentence: none().message }
      : { code: 'IDENTITY_LOCKED', sentence: this.#lockedReason() ?? PASSPHRASE_SEALED };
  }

  begin(): ReturnType<Identity['begin']> {
    return this.#exclusive(async () => {
      await this.#refuseIfThere();
      return this.#draft.begin();
    });
  }

  confirm({ draftId, words, sealing }: Parameters<Identity['confirm']>[0]): Promise<IdentityView> {
    return this.#exclusive(async () => {
      await this.#refuseIfThere();
      const entropy = this.#draft.check(draftId, words);
      try {
        await this.#create(entropy, sealing, 'new');
      } finally {
        entropy.fill(0);
      }
      this.#draft.forget();
      this.#logger.info('Identity created', { sealedBy: sealing.kind });
      return this.#told();
    });
  }

  restore({ source, sealing, replaceSealing }: Parameters<Identity['restore']>[0]): Promise<IdentityView> {
    return this.#exclusive(async () => {
      if (this.#state.status === 'none' || this.#state.status === 'bad') await this.#load();
      const state = this.#state;
      if (state.status === 'bad') throw state.error;
      if (state.status !== 'none' && !replaceSealing) throw exists();
      const entropy = await this.#entropyOf(source);
      try {
        await this.#create(entropy, sealing, state.status === 'none' ? 'restored' : state.part.encoded);
      } finally {
        entropy.fill(0);
      }
      this.#draft.forget();
      this.#attempts.reset();
      this.#logger.info('Identity restored', { from: source.kind, sealedBy: sealing.kind });
      return this.#told();
    });
  }

  unlock({ passphrase }: Parameters<Identity['unlock']>[0]): Promise<IdentityView> {
    return this.#exclusive(async () => {
      if (this.#state.status === 'unlocked') return this.view();
      await this.#load();
      const state = this.#state;
      if (state.status === 'none') throw none();
      if (state.status === 'bad') throw state.error;
      try {
        const { part, secrets } = await this.#open(state.part, passphrase);
        this.#become(part, secrets);
        this.#metrics?.unlocks.inc(1, { outcome: 'ok' });
      } catch (error) {
        const code = isNodeError(error) ? error.code : '';
        this.#metrics?.unlocks.inc(1, { outcome: code === 'PASSPHRASE_WRONG' ? 'wrong' : 'refused' });
        if (code === 'KEY_STORE_UNAVAILABLE' && error instanceof Error) {
          this.#state = { ...state, why: this.#keyStoreReason(state.part, error) };
          this.#emitter.emit('viewChanged', this.view());
        }
        throw error;
      }
      this.#logger.info('Identity unlocked', { sealedBy: state.part.sealedBy });
      return this.#told();
    });
  }

  lock(): Promise<IdentityView> {
    // At once: whoever locks does not wait for what is under way. What is under way works on copies.
    this.#draft.forget();
    this.#lockByOwner();
    return this.#exclusive(async () => {
      if (this.#state.status === 'none') throw none();
      this.#lockByOwner();
      return this.view();
    });
  }

  seal({ passphrase, sealing }: Parameters<Identity['seal']>[0]): Promise<IdentityView> {
    return this.#exclusive(async () => {
      const { part } = this.#unlocked();
      if (part.sealedBy === 'passphrase') wipe((await this.#open(part, passphrase)).secrets);
      const sealWith = await this.#sealWith(sealing);
      const secrets = this.#unlocked().keys.copy();
      if (secrets === null) throw this.#lockedError();
      try {
        const made = await this.#workers.run<SealInput, Made>('satchel.seal', {
          secrets,
          certificate: part.encoded,
          sealWith,
          random: this.#outside.random.bytes(32),
        });
        wipe(made.secrets);
        await this.#write(made.file);
        // It may have been locked meanwhile; the file is sealed anew either way.
        const state = this.#state;
        if (state.status === 'unlocked') this.#state = { ...state, part: made.part };
        else if (state.status === 'locked')
          this.#state = { ...state, part: made.part, why: this.#sealedReason(made.part) };
      } finally {
        wipe(secrets);
        if ('key' in sealWith) sealWith.key.fill(0);
      }
      this.#logger.info('Identity sealed anew', { sealedBy: sealing.kind });
      return this.#told();
    });
  }

  backup({ passphrase, present }: Parameters<Identity['backup']>[0]): ReturnType<Identity['backup']> {
    return this.#exclusive(async () => {
      const { part, keys } = this.#unlocked();
      // Whoever reached the faces of an unlocked node could otherwise carry its keys away under a passphrase of their own.
      wipe((await this.#open(part, present)).secrets);
      const secrets = keys.copy();
      if (secrets === null) throw this.#lockedError();
      const madeAtMs = this.#clock.nowMs();
      const { keyId, keyIdBytes } = part.certificate.node;
      let backup: Uint8Array;
      try {
        backup = await this.#workers.run<BackupInput, Uint8Array>('satchel.backup', {
          node: keyIdBytes,
          madeAtMs,
          entropy: secrets.entropy,
          header: this.#passphraseHeader(),
          passphrase,
        });
      } finally {
        wipe(secrets);
      }
      await this.#settings.set(SETTING_BACKUP, { v: 1, keyId, atMs: madeAtMs });
      this.#lastBackupAtMs = madeAtMs;
      this.#logger.info('Identity backed up');
      this.#told(false);
      const day = new Date(madeAtMs).toISOString().slice(0, 10);
      return { fileName: `hypermesh-identity-${day}.hmbackup`, backup };
    });
  }

  confirmOwner({ passphrase }: Parameters<Identity['confirmOwner']>[0]): Promise<void> {
    return this.#exclusive(async () => {
      const { part } = this.#unlocked();
      if (part.sealedBy === 'keyStore')
        throw new IdentityError(
          { code: 'PASSPHRASE_NEEDED' },
          'The keys lie under the operating system’s key store, so there is no passphrase to show who you are; agree in the program’s window, or set a passphrase with `hypermesh identity seal`.',
        );
      wipe((await this.#open(part, passphrase)).secrets);
      // Locked while the passphrase was tried: then nothing is to be signed either.
      this.#unlocked();
    });
  }

  drill({ source }: Parameters<Identity['drill']>[0]): Promise<DrillResult> {
    return this.#exclusive(async () => {
      const state = this.#state;
      if (state.status === 'none') throw none();
      if (state.status === 'bad') throw state.error;
      const { certificate } = state.part;
      const entropy = await this.#entropyOf(source);
      let keys: DrillResult['keys'];
      try {
        const derived = await this.#derive(entropy);
        keys = compareKeys(certificate, derived);
        wipe({ entropy, node: derived.node.secret, kem: derived.kem.secret, account: derived.account.secret });
      } finally {
        entropy.fill(0);
      }
      const passed = keys.every(({ same }) => same);
      const result: DrillResult = { atMs: this.#clock.nowMs(), passed, from: source.kind, keys };
      await this.#settings.set(SETTING_DRILL, keptDrill(result, certificate.node.keyId));
      this.#lastDrill = result;
      this.#logger.info('Restore drill done', { passed, from: source.kind });
      this.#told(false);
      return result;
    });
  }

  /** One request after another: two Argon2 at once would take twice the memory, and two tries the place of one. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ending.signal.aborted) throw this.#ending.signal.reason;
    if (this.#requests >= REQUESTS_MAX)
      throw new IdentityError(
        { code: 'IDENTITY_BUSY' },
        'Too many requests about the identity wait for one another; try again in a moment.',
      );
    this.#requests++;
    const before = this.#last;
    const run = (async () => {
      await before.catch(() => undefined);
      this.#ending.signal.throwIfAborted();
      return await work();
    })();
    this.#last = run;
    try {
      return await run;
    } finally {
      this.#requests--;
    }
  }

  /** Reads the file anew unless its keys are unlocked. */
  async #load(): Promise<void> {
    if (this.#state.status === 'unlocked') return;
    const before = this.#state;
    this.#state = await this.#readState();
    if (this.#state.status !== 'locked') return;
    // A reason that was found at the last attempt stands until the next one.
    if (before.status === 'locked' && before.part.sealedBy === this.#state.part.sealedBy)
      this.#state = { ...this.#state, why: before.why };
    const { keyId } = this.#state.part.certificate.node;
    this.#lastDrill = readKeptDrill(await this.#settings.get(SETTING_DRILL), keyId);
    this.#lastBackupAtMs = readKeptBackup(await this.#settings.get(SETTING_BACKUP), keyId);
    this.#createdHere = readKeptCreated(await this.#settings.get(SETTING_CREATED), keyId);
    this.#lastDue = this.#isDue();
  }

  async #readState(): Promise<State> {
    let bytes: Uint8Array;
    try {
      const found = await lstat(this.#path);
      if (!found.isFile()) return { status: 'bad', error: damaged('it is no file') };
      if (found.size > IDENTITY_FILE_BYTES_MAX) return { status: 'bad', error: damaged('it is too large') };
      bytes = await readFile(this.#path);
    } catch (error) {
      return isMissing(error) ? { status: 'none' } : { status: 'bad', error: unreadable(reasonOf(error)) };
    }
    const read = await this.#workers.run<Uint8Array, ReadOutput>('satchel.read', bytes);
    if (read.ok) return { status: 'locked', part: read.part, why: this.#sealedReason(read.part) };
    return { status: 'bad', error: read.newer === null ? damaged(read.problem) : newer(read.newer) };
  }

  /** @throws {IdentityError} whatever lies in the file's place, it is never written over */
  async #refuseIfThere(): Promise<void> {
    if (this.#state.status === 'none') await this.#load();
    const state = this.#state;
    if (state.status === 'bad') throw state.error;
    if (state.status !== 'none') throw exists();
  }

  /** Opens the file. @throws {IdentityError} */
  async #open(part: PublicPart, passphrase: string | undefined): Promise<Extract<OpenOutput, { ok: true }>> {
    let openWith: OpenInput['openWith'];
    if (part.sealedBy === 'passphrase') {
      if (passphrase === undefined)
        throw new IdentityError(
          { code: 'PASSPHRASE_NEEDED' },
          'The keys are sealed under a passphrase; give it to unlock them.',
        );
      this.#attempts.admit();
      openWith = { passphrase };
    } else openWith = { key: await this.#unwrap(part) };
    let file: Uint8Array;
    try {
      file = await readFile(this.#path);
    } catch (error) {
      throw unreadable(reasonOf(error));
    }
    const opened = await this.#workers.run<OpenInput, OpenOutput>('satchel.open', {
      file,
      openWith,
      random: this.#outside.random.bytes(32),
    });
    if (!opened.ok) {
      if (opened.code === 'newer') throw newer(opened.newer);
      if (opened.code === 'damaged') throw damaged(opened.problem);
      if (part.sealedBy === 'keyStore') throw damaged('the key that the key store gave does not open it');
      this.#attempts.failed();
      throw wrongPassphrase();
    }
    if (opened.part.certificate.node.keyId !== part.certificate.node.keyId) {
      wipe(opened.secrets);
      throw damaged('it is of another identity than a moment before');
    }
    this.#attempts.reset();
    return opened;
  }

  async #unwrap({ keyStore: kept }: PublicPart): Promise<Uint8Array> {
    const state = this.#keyStoreState();
    if (!state.available || this.#keyStore === null || kept === null)
      throw keyStoreUnavailable(state.available ? NO_KEY_STORE : state.reason);
    let key: Uint8Array;
    try {
      key = await this.#unlessEnded(this.#keyStore.unprotect(kept.wrapped));
    } catch (error) {
      if (error instanceof IdentityError) throw error;
      throw keyStoreUnavailable(`it does not give back the key (${messageOf(error)}).`);
    }
    if (key.length !== AEAD_KEY_BYTES) throw damaged('the key that the key store gave is none');
    return key;
  }

  async #sealWith(sealing: Sealing): Promise<SealWith> {
    if (sealing.kind === 'passphrase') return { header: this.#passphraseHeader(), passphrase: sealing.passphrase };
    const state = this.#keyStoreState();
    if (!state.available || this.#keyStore === null)
      throw keyStoreUnavailable(state.available ? NO_KEY_STORE : state.reason);
    const key = this.#outside.random.bytes(AEAD_KEY_BYTES);
    try {
      const wrapped = await this.#unlessEnded(this.#keyStore.protect(key));
      // Asked back before anything relies on it.
      const again = await this.#unlessEnded(this.#keyStore.unprotect(wrapped));
      if (!Buffer.from(again).equals(key)) throw new Error('it gave back another key than it was given');
      const nonce = this.#outside.random.bytes(AEAD_NONCE_BYTES);
      return { header: { kind: 'keyStore', name: state.name, wrapped, nonce }, key };
    } catch (error) {
      key.fill(0);
      if (error instanceof IdentityError) throw error;
      throw keyStoreUnavailable(`it refuses (${messageOf(error)}).`);
    }
  }

  #passphraseHeader(): PassphraseHeader {
    const { random } = this.#outside;
    return {
      kind: 'passphrase',
      salt: random.bytes(ARGON2_SALT_BYTES),
      costs: this.#costs,
      nonce: random.bytes(AEAD_NONCE_BYTES),
    };
  }

  /**
   * Derives, seals, writes, and only then takes the keys into use.
   *
   * @param from - certificate of the same identity, which is here; or how one comes into a folder that has none
   */
  async #create(entropy: Uint8Array, sealing: Sealing, from: Uint8Array | 'new' | 'restored'): Promise<void> {
    const keep = typeof from === 'string' ? null : from;
    const sealWith = await this.#sealWith(sealing);
    const startedMs = this.#clock.monotonicMs();
    let output: CreateOutput;
    try {
      output = await this.#workers.run<CreateInput, CreateOutput>('satchel.create', {
        entropy,
        issuedAtMs: this.#clock.nowMs(),
        keep,
        sealWith,
        random: this.#outside.random.bytes(32),
      });
    } finally {
      if ('key' in sealWith) sealWith.key.fill(0);
    }
    this.#metrics?.deriveSeconds.observe((this.#clock.monotonicMs() - startedMs) / 1000);
    if (!output.ok)
      throw new IdentityError(
        { code: 'IDENTITY_OTHER' },
        'This phrase or backup is that of another identity than the one in this folder, which was left as it is.',
      );
    try {
      if (keep === null) await this.#refuseFile();
      // Before the file: whoever finds a new identity finds this as well.
      if (from === 'new')
        await this.#settings.set(SETTING_CREATED, { v: 1, keyId: output.part.certificate.node.keyId });
      await this.#write(output.file);
    } catch (error) {
      wipe(output.secrets);
      throw error;
    }
    // Another one may have been here before, whose results these are not.
    if (keep === null) {
      this.#lastDrill = null;
      this.#lastBackupAtMs = null;
      this.#createdHere = from === 'new';
    }
    this.#become(output.part, output.secrets);
  }

  /** Nobody else writes into the folder; but a person may have copied a file there meanwhile. */
  async #refuseFile(): Promise<void> {
    try {
      await lstat(this.#path);
    } catch (error) {
      if (isMissing(error)) return;
      throw unreadable(reasonOf(error));
    }
    throw exists();
  }

  async #write(file: Uint8Array): Promise<void> {
    try {
      await writeFileAtomically(this.#path, file);
    } catch (error) {
      // The last step makes the name outlast a power cut; the file may be in place when only that failed.
      const written = await readFile(this.#path).catch(() => null);
      if (written !== null && Buffer.from(file).equals(written)) {
        this.#logger.warn('Identity written, but a power cut now might undo it', { reason: reasonOf(error) });
        return;
      }
      const reason = reasonOf(error);
      throw new IdentityError(
        { code: 'IDENTITY_NOT_WRITTEN', reason },
        `The identity could not be written (${reason}), and nothing was changed; make room on the disk or see to the folder’s permissions, then try again.`,
      );
    }
  }

  async #entropyOf(source: IdentitySource): Promise<Uint8Array> {
    if (source.kind === 'phrase') return parsePhrase(source.phrase);
    const file = new Uint8Array(Buffer.from(source.backup, 'base64'));
    const unusable = (problem: string): IdentityError =>
      new IdentityError(
        { code: 'BACKUP_UNREADABLE', problem },
        `This is no sound backup file (${problem}); try another copy of it, or use the recovery phrase.`,
      );
    if (file.length > BACKUP_FILE_BYTES_MAX) throw unusable('it is too large');
    const opened = await this.#workers.run<{ file: Uint8Array; passphrase: string }, OpenBackupOutput>(
      'satchel.openBackup',
      { file, passphrase: source.passphrase },
    );
    if (opened.ok) return opened.entropy;
    if (opened.code === 'wrongKey')
      throw new IdentityError(
        { code: 'PASSPHRASE_WRONG' },
        'This is not the passphrase of the backup file, which is one of its own; try again.',
      );
    if (opened.code === 'damaged') throw unusable(opened.problem);
    throw new IdentityError(
      { code: 'BACKUP_NEWER', found: opened.newer },
      `This backup was made by a newer version of HyperMesh (format ${opened.newer}); restore it with that version.`,
    );
  }

  async #derive(entropy: Uint8Array): Promise<DerivedKeys> {
    const startedMs = this.#clock.monotonicMs();
    const derived = await this.#workers.run<Uint8Array, DerivedKeys>('crypto.deriveKeys', entropy);
    this.#metrics?.deriveSeconds.observe((this.#clock.monotonicMs() - startedMs) / 1000);
    return derived;
  }

  /** any -> unlocked */
  #become(part: PublicPart, secrets: Made['secrets']): void {
    if (this.#ending.signal.aborted) {
      wipe(secrets);
      throw this.#ending.signal.reason;
    }
    if (this.#state.status === 'unlocked') this.#state.keys.lock();
    const tools = { workers: this.#workers, clock: this.#clock, metrics: this.#metrics };
    this.#state = { status: 'unlocked', part, keys: createKeysInUse(tools, part.certificate, part.encoded, secrets) };
    this.#metrics?.unlocked.set(1);
  }

  #lockByOwner(): void {
    if (!this.#lockNow(`The keys were locked; ${HOW_TO_UNLOCK}.`)) return;
    this.#logger.info('Identity locked');
    this.#told();
  }
  /** unlocked -> locked. @returns whether they were unlocked */
  #lockNow(why: string): boolean {
    const state = this.#state;
    if (state.status !== 'unlocked') return false;
    state.keys.lock();
    this.#state = { status: 'locked', part: state.part, why };
    this.#metrics?.unlocked.set(0);
    return true;
  }

  /** @throws {IdentityError} `IDENTITY_NONE` | `IDENTITY_LOCKED`, or what is wrong with the file */
  #unlocked(): Extract<State, { status: 'unlocked' }> {
    const state = this.#state;
    if (state.status === 'unlocked') return state;
    if (state.status === 'none') throw none();
    if (state.status === 'bad') throw state.error;
    throw this.#lockedError();
  }
  #lockedError(): IdentityError {
    return new IdentityError({ code: 'IDENTITY_LOCKED' }, `The keys are locked; ${HOW_TO_UNLOCK}, then try again.`);
  }
  #lockedReason(): string | null {
    const state = this.#state;
    return state.status === 'bad' ? state.error.message : state.status === 'locked' ? state.why : null;
  }
  #sealedReason({ sealedBy, keyStore }: PublicPart): string {
    return sealedBy === 'passphrase'
      ? PASSPHRASE_SEALED
      : `The keys are under the operating system’s key store (${keyStore?.name ?? 'unknown'}); ${HOW_TO_UNLOCK}.`;
  }
  #keyStoreReason({ keyStore }: PublicPart, error: Error): string {
    const reason = error instanceof IdentityError && 'reason' in error.data ? String(error.data.reason) : error.message;
    return `The keys are under the operating system’s key store (${keyStore?.name ?? 'unknown'}), which cannot be used: ${reason} To go on, ${KEY_STORE_WAYS_OUT}.`;
  }
  #keyStoreState(): ReturnType<KeyStore['state']> {
    return this.#keyStore?.state() ?? { available: false, reason: NO_KEY_STORE };
  }

  #isDue(): boolean {
    const state = this.#state;
    if (state.status !== 'locked' && state.status !== 'unlocked') return false;
    return drillDue(state.part.certificate.issuedAtMs, this.#lastDrill, this.#clock.nowMs()).due;
  }
  /** The date may have come meanwhile. */
  #look(): void {
    if (this.#isDue() !== this.#lastDue) this.#told(false);
  }

  /** @param keys - whether the keys themselves are others now, or locked or unlocked */
  #told(keys = true): IdentityView {
    this.#lastDue = this.#isDue();
    const view = this.view();
    this.#emitter.emit('viewChanged', view);
    if (keys) this.#emitter.emit('changed', null);
    return view;
  }

  /** Whatever a key store is waiting for, the node does not wait with it when it stops. */
  async #unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#ending;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      work.catch(() => undefined);
    }
  }
}
