import { describe, expect, it } from 'vitest';
import {
  readAccount,
  readMembers,
  readParams,
  readSlashing,
  readSupply,
  readValidators,
} from '../../../../../main/apps/caesar/ledger/read-state.ts';
import type { TransactionFact } from '../../../../../main/apps/caesar/ledger/fact.ts';
import type { Evidence } from '../../../../../main/kernel/consensus/index.ts';
import { auditState } from './audit.ts';
import {
  accountId,
  CERTIFICATE,
  certificateFact,
  createWorld,
  factsOf,
  FOUNDERS,
  MINUTE_MS,
  nodeId,
  type World,
} from './world.ts';

const [admin, one, two] = [accountId(0), accountId(1), accountId(2)] as const;
const newcomer = accountId('newcomer');
const CAES = 1_000_000n;

const powers = (world: World) =>
  readValidators(world.tree).map(({ node, power }) => [Buffer.from(node).toString('hex'), power]);
const powerOf = (world: World, node: Uint8Array) =>
  readValidators(world.tree).find((validator) => Buffer.compare(validator.node, node) === 0)?.power ?? null;
const lie = (node: Uint8Array, height: number): Evidence => ({
  kind: 'votes',
  validator: node,
  height,
  // The application relies on who checked the signatures and looks at neither.
  first: null as never,
  second: null as never,
});
const withCertificate = (
  world: World,
  who: Uint8Array,
  kind: 'node.bind' | 'validator.join',
  fact: TransactionFact,
  nonce?: number,
) => {
  const signed = world.sign(who, kind, { certificate: CERTIFICATE }, nonce === undefined ? {} : { nonce });
  return { signed, init: { facts: factsOf([signed, fact]) } };
};
const join = (world: World, who: Uint8Array, node: string | number): string | null => {
  const { signed, init } = withCertificate(world, who, 'validator.join', certificateFact(node, who));
  const refusal = world.refusal(signed, init);
  if (refusal === null) world.block([signed], init);
  return refusal;
};
const admit = (world: World, account: Uint8Array, validator = true): void => {
  world.block([world.sign(admin, 'member.admit', { account, validator })]);
};
const fund = (world: World, account: Uint8Array, staked: bigint): void => {
  world.block([world.sign(admin, 'account.transfer', { to: account, amount: staked + CAES, memo: '' })]);
  world.block([world.sign(account, 'stake.bond', { amount: staked })]);
};

describe('validators', () => {
  it('begin with the power that genesis names, in the order of their ids', () => {
    const world = createWorld();
    expect(world.app.validators(world.tree)).toEqual(world.genesis.validators);
    expect(world.app.params(world.tree)).toEqual(world.genesis.params);
  });
  it('join when admitted and staked, gain and lose power by stake, and leave', () => {
    const world = createWorld();
    fund(world, newcomer, 5_500n);
    expect(join(world, newcomer, 'n')).toBe('NOT_ADMITTED');
    admit(world, newcomer);
    expect(join(world, newcomer, 'n')).toBeNull();
    expect(powerOf(world, nodeId('n'))).toBe(5);
    world.block([world.sign(newcomer, 'stake.bond', { amount: 2_000n })]);
    expect(powerOf(world, nodeId('n'))).toBe(7);
    expect(world.refusal(world.sign(newcomer, 'stake.unbond', { amount: 7_000n }))).toBe('VALIDATOR_NEEDS_STAKE');
    world.block([world.sign(newcomer, 'stake.unbond', { amount: 6_000n })]);
    expect(powerOf(world, nodeId('n'))).toBe(1);
    expect(join(world, newcomer, 'other')).toBe('VALIDATOR_ALREADY');
    world.block([world.sign(newcomer, 'validator.leave', {})]);
    expect(powerOf(world, nodeId('n'))).toBeNull();
    expect(world.refusal(world.sign(newcomer, 'validator.leave', {}))).toBe('NOT_A_VALIDATOR');
    expect(auditState(world.tree)).toEqual([]);
  });
  it('are refused with too little stake, too many, or with the node of another', () => {
    const world = createWorld({ params: { validatorsMax: 4 } });
    fund(world, newcomer, 999n);
    admit(world, newcomer);
    expect(join(world, newcomer, 'n')).toBe('STAKE_LOW');
    world.block([world.sign(newcomer, 'stake.bond', { amount: 1n })]);
    expect(join(world, newcomer, 'n')).toBe('VALIDATORS_FULL');
    const stolen = withCertificate(world, newcomer, 'validator.join', certificateFact(1, one));
    expect(world.refusal(stolen.signed, stolen.init)).toBe('CERTIFICATE_OF_ANOTHER');
    const taken = withCertificate(world, newcomer, 'node.bind', certificateFact(1, newcomer, Date.UTC(2027, 0)));
    expect(world.refusal(taken.signed, taken.init)).toBe('NODE_IS_VALIDATOR');
  });
  it('never leave nobody', () => {
    const world = createWorld({ founders: FOUNDERS.slice(0, 1) });
    expect(world.refusal(world.sign(admin, 'validator.leave', {}))).toBe('LAST_VALIDATOR');
    const before = readAccount(world.tree, admin).staked;
    world.block([], { evidence: [lie(nodeId(0), 0)] });
    expect(readAccount(world.tree, admin).staked).toBe(before - before / 10n);
    expect(world.app.validators(world.tree)).toHaveLength(1);
    for (let block = 0; block < 120; block++) world.block([], { signers: [{ validator: nodeId(0), signed: false }] });
    expect(world.app.validators(world.tree)).toHaveLength(1);
    expect(auditState(world.tree)).toEqual([]);
  });
});

describe('liars', () => {
  it('lose a part of everything staked and unbonding, once, and their place', () => {
    const world = createWorld();
    const staked = readAccount(world.tree, one).staked;
    world.block([world.sign(one, 'stake.unbond', { amount: 1_000_000n })]);
    const burnt = readSupply(world.tree).burnt;
    world.block([], { evidence: [lie(nodeId(1), 1), lie(nodeId(1), 1)] });
    world.block([], { evidence: [lie(nodeId(1), 2)] });
    expect(readAccount(world.tree, one)).toMatchObject({
      staked: ((staked - 1_000_000n) * 9n) / 10n,
      unbonding: [{ amount: 900_000n }],
      validator: null,
    });
    expect(readSupply(world.tree).burnt - burnt).toBe(staked / 10n);
    expect(readSlashing(world.tree, nodeId(1))).toEqual({ height: 2, burnt: staked / 10n });
    expect(readSlashing(world.tree, one)).toEqual({ height: 2, burnt: staked / 10n });
    expect(readSlashing(world.tree, nodeId(2))).toBeNull();
    expect(powerOf(world, nodeId(1))).toBeNull();
    expect(auditState(world.tree)).toEqual([]);
    // For good, until an admin says otherwise; and what is past is past.
    expect(join(world, one, 1)).toBe('NOT_ADMITTED');
    expect(join(world, one, 'fresh')).toBe('NOT_ADMITTED');
    admit(world, one);
    expect(join(world, one, 1)).toBeNull();
    world.block([], { evidence: [lie(nodeId(1), 2)] });
    expect(powerOf(world, nodeId(1))).not.toBeNull();
    world.block([], { evidence: [lie(nodeId(1), world.height)] });
    expect(powerOf(world, nodeId(1))).toBeNull();
    expect(auditState(world.tree)).toEqual([]);
  });
  it('pay after they have left and moved their node to another account', () => {
    const world = createWorld();
    const at = world.height;
    world.block([
      world.sign(one, 'validator.leave', {}),
      world.sign(one, 'stake.unbond', { amount: 1_000_000n }, { nonce: 1 }),
    ]);
    const moved = withCertificate(world, two, 'node.bind', certificateFact(1, two, Date.UTC(2027, 0)));
    world.block([moved.signed], moved.init);
    const before = [readAccount(world.tree, one), readAccount(world.tree, two)] as const;
    world.block([], { evidence: [lie(nodeId(1), at)] });
    expect(readAccount(world.tree, one).staked).toBe((before[0].staked * 9n) / 10n);
    expect(readAccount(world.tree, one).unbonding[0]?.amount).toBe(900_000n);
    expect(readAccount(world.tree, two).staked).toBe(before[1].staked);
  });
  it('cannot hand their node to an account that has less to lose', () => {
    const world = createWorld();
    const at = world.height;
    fund(world, newcomer, 2_000n);
    admit(world, newcomer);
    world.block([world.sign(one, 'validator.leave', {})]);
    const joining = () =>
      withCertificate(world, newcomer, 'validator.join', certificateFact(1, newcomer, Date.UTC(2027, 0)));
    const early = joining();
    expect(world.refusal(early.signed, early.init)).toBe('NODE_ANSWERS_ELSEWHERE');
    const staked = readAccount(world.tree, one).staked;
    world.block([], { evidence: [lie(nodeId(1), at)] });
    expect(readAccount(world.tree, one).staked).toBe((staked * 9n) / 10n);
    // Once nothing is left that could be lost for what it signed, it is anybody's.
    world.block([world.sign(one, 'stake.unbond', { amount: readAccount(world.tree, one).staked })]);
    world.wait(21 * MINUTE_MS);
    const late = joining();
    expect(world.refusal(late.signed, late.init)).toBeNull();
    expect(auditState(world.tree)).toEqual([]);
  });
  it('lose the place that they have now for what another of their nodes signed', () => {
    const world = createWorld();
    const at = world.height;
    world.block([world.sign(one, 'validator.leave', {})]);
    expect(join(world, one, 'second')).toBeNull();
    expect(powerOf(world, nodeId('second'))).not.toBeNull();
    world.block([], { evidence: [lie(nodeId(1), at)] });
    expect(powerOf(world, nodeId('second'))).toBeNull();
    expect(join(world, one, 'second')).toBe('NOT_ADMITTED');
    expect(auditState(world.tree)).toEqual([]);
  });
  it('cannot come back with another name where nobody has to be admitted', () => {
    const world = createWorld({ change: (economy) => ({ ...economy, members: null, admins: [] }) });
    fund(world, newcomer, 2_000n);
    expect(join(world, newcomer, 'n')).toBeNull();
    world.block([], { evidence: [lie(nodeId('n'), world.height)] });
    expect(powerOf(world, nodeId('n'))).toBeNull();
    world.block([world.sign(newcomer, 'stake.bond', { amount: 5_000n })]);
    expect(join(world, newcomer, 'n')).toBe('NOT_ADMITTED');
    expect(join(world, newcomer, 'm')).toBe('NOT_ADMITTED');
    expect(auditState(world.tree)).toEqual([]);
  });
});

describe('those who are silent', () => {
  it('lose their power, no stake, and come back by joining', () => {
    const world = createWorld();
    const signers = () =>
      world.app
        .validators(world.tree)
        .map(({ id }) => ({ validator: id, signed: Buffer.compare(id, nodeId(1)) !== 0 }));
    for (let block = 0; block < 50; block++) world.block([], { signers: signers() });
    expect(readValidators(world.tree).filter(({ missed }) => missed === 50)).toHaveLength(1);
    const staked = readAccount(world.tree, one).staked;
    world.block([], { signers: signers() });
    expect(powerOf(world, nodeId(1))).toBe(0);
    expect(world.app.validators(world.tree)).toHaveLength(3);
    expect(readAccount(world.tree, one).staked).toBe(staked);
    expect(join(world, one, 1)).toBeNull();
    expect(powerOf(world, nodeId(1))).toBe(10);
    expect(powers(world)).toHaveLength(4);
    expect(auditState(world.tree)).toEqual([]);
  });
  it('are forgiven what lies a hundred blocks back, and writes nothing where all sign', () => {
    const world = createWorld();
    const silent = world.app.validators(world.tree).map(({ id }) => ({ validator: id, signed: false }));
    for (let block = 0; block < 30; block++) world.block([], { signers: silent });
    expect(readValidators(world.tree).every(({ missed }) => missed === 30)).toBe(true);
    for (let block = 0; block < 100; block++) world.block();
    expect(readValidators(world.tree).every(({ missed }) => missed === 0)).toBe(true);
    expect(world.block().updates).toEqual([]);
  });
});

describe('stakes', () => {
  it('wait before they are free, and can be lost meanwhile', () => {
    const world = createWorld({ params: { emissionPerEpoch: 0n } });
    const before = readAccount(world.tree, two);
    world.block([world.sign(two, 'stake.unbond', { amount: 4_000n })]);
    world.wait(10 * MINUTE_MS);
    world.block([world.sign(two, 'stake.unbond', { amount: 3_000n })]);
    expect(readAccount(world.tree, two)).toMatchObject({ balance: before.balance, staked: before.staked - 7_000n });
    world.wait(10 * MINUTE_MS);
    expect(readAccount(world.tree, two)).toMatchObject({ balance: before.balance + 4_000n });
    world.wait(10 * MINUTE_MS + 2000);
    expect(readAccount(world.tree, two)).toMatchObject({ balance: before.balance + 7_000n, unbonding: [] });
    expect(world.refusal(world.sign(two, 'stake.unbond', { amount: before.staked }))).toBe('STAKE_LOW');
    expect(auditState(world.tree)).toEqual([]);
  });
  it('have a bounded number of waits', () => {
    const world = createWorld();
    for (let place = 0; place < 16; place++) world.block([world.sign(two, 'stake.unbond', { amount: 1n })]);
    expect(world.refusal(world.sign(two, 'stake.unbond', { amount: 1n }))).toBe('UNBONDING_FULL');
  });
});

describe('members and parameters', () => {
  it('are the admins’ alone', () => {
    const world = createWorld();
    const calls = (who: Uint8Array) => [
      world.sign(who, 'member.admit', { account: newcomer, validator: true }),
      world.sign(who, 'member.remove', { account: two }),
      world.sign(who, 'params.set', { changes: { burnPermille: 5 } }),
    ];
    for (const call of calls(one)) expect(world.refusal(call)).toBe('NOT_ADMIN');
    for (const call of calls(admin)) expect(world.refusal(call)).toBeNull();
  });
  it('take a removed member’s validator out', () => {
    const world = createWorld();
    world.block([world.sign(admin, 'member.remove', { account: one })]);
    expect(powerOf(world, nodeId(1))).toBeNull();
    expect(readMembers(world.tree)).toHaveLength(3);
    expect(world.refusal(world.sign(admin, 'member.remove', { account: one }))).toBe('NOT_A_MEMBER');
    expect(world.refusal(world.sign(admin, 'member.remove', { account: admin }))).toBe('ADMIN_STAYS');
    expect(world.refusal(world.sign(admin, 'member.admit', { account: two, validator: true }))).toBe('NOTHING_CHANGES');
    expect(auditState(world.tree)).toEqual([]);
  });
  it.each<[string, object, string]>([
    ['burnPermille: 1001', { burnPermille: 1001 }, 'PARAMS_INVALID'],
    ['burnPermille: -1', { burnPermille: -1 }, 'PARAMS_INVALID'],
    ['burnPermille: 0.5', { burnPermille: 0.5 }, 'PARAMS_INVALID'],
    ['feePerByte: -1n', { feePerByte: -1n }, 'PARAMS_INVALID'],
    ['nonsense: 1', { nonsense: 1 }, 'PARAMS_INVALID'],
    ['emissionPerEpoch: 5n', { emissionPerEpoch: 5n }, 'PARAM_FIXED'],
    ['epochMs: 60_000', { epochMs: 60_000 }, 'PARAM_FIXED'],
    ['qualityBase: 900', { qualityBase: 900 }, 'PARAMS_INVALID'],
    ['weights: { cpu: 1n', { weights: { cpu: 1n } }, 'PARAMS_INVALID'],
    ['consensus: { blockBytesMax: 1', { consensus: { blockBytesMax: 1 } }, 'PARAMS_INVALID'],
    ['consensus: { nonsense: 1', { consensus: { nonsense: 1 } }, 'PARAMS_INVALID'],
    ['consensus: { heartbeatMs: 1.5', { consensus: { heartbeatMs: 1.5 } }, 'PARAMS_INVALID'],
    ['nothing', {}, 'TRANSACTION_MALFORMED'],
  ])('refuse %s', (_, changes, code) => {
    const world = createWorld();
    expect(world.refusal(world.sign(admin, 'params.set', { changes }))).toBe(code);
  });
  it('hold from the next transaction on', () => {
    const world = createWorld();
    world.block([
      world.sign(admin, 'params.set', { changes: { feePerByte: 2n, consensus: { heartbeatMs: 5000 } } }, { nonce: 0 }),
    ]);
    expect(readParams(world.tree).feePerByte).toBe(2n);
    expect(world.app.params(world.tree)).toMatchObject({ heartbeatMs: 5000, proposeMs: 1000 });
    expect(world.refusal(world.sign(one, 'stake.bond', { amount: 1n }))).toBe('FEE_LOW');
  });
});
