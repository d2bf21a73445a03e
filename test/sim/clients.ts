import type { Transaction } from '../../main/kernel/blocks/index.ts';
import type { Computer, Life } from './computer.ts';
import type { Draw } from './draw.ts';
import { CLIENTS, type Draft, type Economy } from './economy.ts';
import { hexOf, type Judge } from './judge.ts';
import { keysOf, signTransaction, type SimKeys } from './keys.ts';
import type { VirtualTime } from './virtual-time.ts';

/** People with accounts, some of whom cheat. */
export interface Clients {
  begin(): void;
  /** No more transactions, but for {@link probe}. */
  end(): void;
  /** One transaction at each honest node, until it takes it; it has to become final. */
  probe(): void;
  vote(kind: 'join' | 'leave', computer: Computer): void;
  /** @returns a transaction that was neither made final nor refused, in words */
  pending(): string | null;
}
export interface ClientsComponents {
  time: VirtualTime;
  draw: Draw;
  computers: readonly Computer[];
  judge: Judge;
  network: Uint8Array;
  economy: Economy;
  startMs: number;
  everyMs: number;
  broken(error: unknown): void;
  note(kind: string, who: string, detail: string): void;
}

/** A probe that was not answered yet. */
const ASKED = 'it has not answered';
interface Sent {
  hash: string;
  account: SimKeys;
  nonce: number;
  node: string;
  life: Life;
  isProbe: boolean;
}

export const createClients = (components: ClientsComponents): Clients => {
  const { time, draw, computers, judge, network, economy, startMs, everyMs, broken, note } = components;
  const sent: Sent[] = [];
  const nonces = new Map<string, number>();
  /** By the node that was asked; why it did not take it, or null where it did. */
  const probes = new Map<string, string | null>();
  let isOver = false;
  const nonceOf = (id: Uint8Array): number => economy.nonceOf(judge.state(), id);

  const up = (): { computer: Computer; life: Life }[] =>
    computers.flatMap((computer) => {
      const life = computer.life();
      return life !== null && life.isUp ? [{ computer, life }] : [];
    });

  const submit = (
    { computer, life }: { computer: Computer; life: Life },
    account: SimKeys,
    nonce: number,
    draft: Draft & { network?: Uint8Array },
    isProbe = false,
  ): void => {
    const transaction: Omit<Transaction, 'version'> = {
      network: draft.network ?? network,
      kind: draft.kind,
      asset: null,
      previous: null,
      atMs: startMs + Math.floor(time.nowMs),
      data: { nonce, fee: economy.fee + draw.below(economy.fee), ...draft.data },
    };
    const encoded = signTransaction(account, transaction);
    note('submit', computer.plan.name, `${account.name} ${nonce} ${draft.kind}`);
    life.replica.submit(encoded).then(
      ({ hash }) => {
        if (!life.isAlive || !computer.isHonest) return;
        if (isProbe) probes.set(computer.plan.name, null);
        sent.push({ hash: hexOf(hash), account, nonce, node: computer.plan.name, life, isProbe });
      },
      (error: unknown) => {
        const { code, message } = error as { code?: unknown; message?: unknown };
        // Whatever is refused is refused with a code and a sentence.
        if (!(error instanceof Error) || typeof code !== 'string' || typeof message !== 'string' || message.length < 10)
          broken(error);
        else if (isProbe && probes.get(computer.plan.name) !== null) probes.set(computer.plan.name, message);
        note('refused', computer.plan.name, String(code));
      },
    );
  };
  const nextNonce = (account: SimKeys): number => {
    const final = nonceOf(account.id);
    // Most go on where they were; some look at what is final, and spend a nonce twice.
    const nonce = draw.chance(200) ? final : Math.max(final, nonces.get(account.name) ?? 0);
    nonces.set(account.name, nonce + 1);
    return nonce;
  };

  const act = (): void => {
    const running = up();
    if (running.length === 0) return;
    const account = keysOf(draw.pick(CLIENTS));
    const to = keysOf(draw.pick([...CLIENTS, 'stranger'])).id;
    const amount = draw.between(1, 50_000);
    const transfer = economy.transfer(to, amount);
    const other = draw.chance(700)
      ? economy.other(draw, account.name, {
          nowMs: startMs + Math.floor(time.nowMs),
          nodes: computers.filter(({ plan }) => plan.power > 0).map(({ plan }) => plan.name),
        })
      : null;
    if (other !== null) {
      const by = keysOf(other.by ?? account.name);
      submit(draw.pick(running), by, nextNonce(by), other);
      return;
    }
    switch (draw.below(20)) {
      case 0:
        // Spends the same nonce twice, at two nodes.
        {
          const nonce = nextNonce(account);
          submit(draw.pick(running), account, nonce, transfer);
          submit(draw.pick(running), account, nonce, economy.transfer(keysOf('c0').id, amount + 1));
        }
        return;
      case 1:
        submit(draw.pick(running), account, nextNonce(account) + draw.between(1, 100), transfer);
        return;
      case 2: {
        const bad: Record<string, unknown>[] = [
          { to, amount: 2 ** 52 },
          { to, amount: -5 },
          { to, amount: 0 },
          { to, amount, nonce: 10 ** 9 },
          { to, amount, fee: 0 },
          { to: to.slice(1), amount },
        ];
        submit(draw.pick(running), account, nonceOf(account.id), {
          kind: 'account.transfer',
          data: { ...transfer.data, ...draw.pick(bad) },
        });
        return;
      }
      case 3:
        submit(draw.pick(running), account, nextNonce(account), { ...transfer, network: draw.bytes(32) });
        return;
      default:
        submit(draw.pick(running), account, nextNonce(account), transfer);
    }
  };
  const again = (): void => {
    time.after(draw.between(1, 2 * everyMs), () => {
      if (isOver) return;
      act();
      again();
    });
  };

  return {
    begin: again,
    end: () => {
      isOver = true;
    },
    probe: () => {
      for (const one of up()) {
        const { name } = one.computer.plan;
        if (!one.computer.isHonest || probes.get(name) === null || probes.get(name) === ASKED) continue;
        probes.set(name, ASKED);
        const transfer = economy.transfer(keysOf('c1').id, 1);
        submit(one, keysOf(`probe ${name}`), 0, transfer, true);
      }
    },
    vote: (kind, computer) => {
      const running = up().filter((one) => one.computer.isHonest);
      const keys = keysOf(economy.ownerOf(computer.plan.name));
      if (running.length > 0 && (kind === 'leave' || economy.canJoin))
        submit(draw.pick(running), keys, nonceOf(keys.id), {
          kind: `validator.${kind}`,
          data: {},
        });
    },
    pending: () => {
      for (const { plan, isHonest } of computers)
        if (isHonest && probes.get(plan.name) !== null)
          return `${plan.name} refuses a good transaction: ${probes.get(plan.name) ?? 'it was not asked'}`;
      for (const { hash, account, nonce, node, life, isProbe } of sent) {
        if (!life.isAlive || judge.heightOf(hash) !== undefined) continue;
        const reason = life.dropped.get(hash);
        if (reason !== undefined && !isProbe) {
          if (reason.length < 5) return `${node} dropped a transaction without a reason`;
          continue;
        }
        // One before it is missing: it waits.
        if (!isProbe && nonce > nonceOf(account.id)) continue;
        return `${account.name}'s ${isProbe ? 'probe' : 'transaction'} with nonce ${nonce} at ${node} is neither final nor refused${reason === undefined ? '' : ` (${reason})`}`;
      }
      return null;
    },
  };
};
