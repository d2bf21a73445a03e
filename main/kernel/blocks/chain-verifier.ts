import { messageOf } from '../../base/index.ts';
import type { ChainVerification } from '../../../preload/contract/index.ts';
import type { ChainCore, Tip } from './chain-core.ts';
import { PROGRESS_MS } from './constants.ts';
import { BlockError } from './errors.ts';
import { same } from './format/strict.ts';
import { StateTree } from './state-tree.ts';
import { verifyBlocks } from './verify-blocks.ts';

/** Verifies the chain that is here, one time after another, and remembers how the last one went. */
export class ChainVerifier {
  readonly #core: ChainCore;
  #verification: ChainVerification = { status: 'never' };
  /** Of the one that runs. */
  #cancel: AbortController | null = null;

  constructor(core: ChainCore) {
    this.#core = core;
  }

  async stop(): Promise<void> {
    this.#cancel?.abort(new Error('the node stops'));
    await this.#core.verifying;
  }

  state(): ChainVerification {
    return this.#verification;
  }

  verify(): ChainVerification {
    const tip = this.#core.tip;
    if (this.#cancel !== null)
      throw new BlockError(
        { code: 'VERIFICATION_RUNNING' },
        'A verification runs already; wait for its end, or stop it first.',
      );
    if (tip === null) throw this.#core.empty();
    const cancel = new AbortController();
    const startedAtMs = this.#core.components.outside.clock.nowMs();
    const total = tip.height + 1;
    this.#setVerification({ status: 'running', startedAtMs, checked: 0, total, blocksPerSecond: 0 });
    this.#cancel = cancel;
    this.#core.verifying = this.#verifyAll(tip, startedAtMs, cancel.signal).finally(() => {
      this.#cancel = null;
      this.#core.verifying = null;
    });
    return this.#verification;
  }

  cancel(): ChainVerification {
    if (this.#cancel !== null && this.#verification.status === 'running') {
      const { startedAtMs, checked, total } = this.#verification;
      this.#cancel.abort(new Error('the verification was cancelled'));
      this.#setVerification({ status: 'cancelled', startedAtMs, checked, total });
    }
    return this.#verification;
  }

  #setVerification(verification: ChainVerification): void {
    this.#verification = verification;
    this.#core.events.emit('verificationChanged', verification);
  }

  async #verifyAll(tip: Tip, startedAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#core.components.outside;
    const startMs = clock.monotonicMs();
    const total = tip.height + 1;
    let checked = 0;
    let toldMs = startMs;
    try {
      const base = tip.pruned - 1;
      const result = await verifyBlocks(
        {
          workers: this.#core.components.workers,
          clock,
          verifyProof: this.#core.components.verifyProof,
          rules: this.#core.rules,
        },
        {
          network: tip.network,
          previous: null,
          state: new StateTree(base < 0 ? [] : await this.#core.rows.state('ledger_base')),
          stateHeight: base,
          attachments: await this.#core.attachmentsUpTo(base),
        },
        this.#core.items(0, tip.height),
        {
          signal,
          onChecked: (count) => {
            checked = count;
            this.#core.metrics?.verifiedBlocks.inc();
            const nowMs = clock.monotonicMs();
            if (nowMs - toldMs < PROGRESS_MS || this.#verification.status !== 'running') return;
            toldMs = nowMs;
            const blocksPerSecond = checked / ((nowMs - startMs) / 1000);
            this.#setVerification({ status: 'running', startedAtMs, checked, total, blocksPerSecond });
          },
        },
      );
      this.#core.metrics?.problems.inc(result.problems.length);
      const notes = [...result.notes];
      if (this.#core.components.keys.node() === null && result.headersOnly > tip.pruned)
        notes.push('Bodies were left shut, since the keys are locked; unlock them and verify again.');
      if (tip.pruned > 0)
        notes.push(
          `The bodies of the oldest ${tip.pruned} blocks were pruned; the state that they led to was checked against the header of the last of them.`,
        );
      if (result.last !== null && !same(result.last.hash, tip.hash))
        result.problems.push({
          height: tip.height,
          code: 'HEAD_WRONG',
          reason: 'The newest block is not the one that the node took for it when it started.',
        });
      this.#setVerification({
        status: 'done',
        startedAtMs,
        tookMs: clock.monotonicMs() - startMs,
        holds: result.problems.length === 0,
        blocks: result.blocks,
        headersOnly: result.headersOnly,
        transactions: result.transactions,
        proofs: result.proofs,
        problems: result.problems,
        notes,
      });
    } catch (error) {
      if (!signal.aborted) this.#core.logger.error('Verification failed', { reason: messageOf(error) });
      // A cancel has said so already; anything else ends it as well, and nothing is claimed.
      if (this.#verification.status === 'running')
        this.#setVerification({ status: 'cancelled', startedAtMs, checked, total });
    }
  }
}
