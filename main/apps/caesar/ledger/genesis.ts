import { encodeCbor } from '../../../base/index.ts';
import { KEY_ID_BYTES, type KeyIdBytes } from '../../../base/crypto/index.ts';
import type { StateUpdate } from '../../../kernel/blocks/index.ts';
import { type Genesis, GenesisError } from '../../../kernel/consensus/index.ts';
import { RESOURCE_KINDS } from '../../../kernel/leases/formats/index.ts';
import { GENESIS_ACCOUNTS_MAX, GENESIS_MEMBERS_MAX, SUPPLY_MAX } from './constants.ts';
import type { EconomyGenesis } from './interface.ts';
import * as keys from './keys.ts';
import { encodeEconomyParams, readEconomyParams } from './params.ts';
import { POWER_MAX } from './power.ts';
import * as records from './records.ts';
import { Refusal } from './refusal.ts';

// docs/formats/economy-genesis.md

const invalid = (problem: string): GenesisError =>
  new GenesisError(
    { code: 'GENESIS_INVALID', problem, verdict: 'reject' },
    `This network cannot begin like that: ${problem}. Ask whoever made the file for a right one.`,
  );
type Fields = Record<string, unknown>;
const mapOf = (value: unknown, names: readonly string[], what: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw invalid(`${what} is not a map`);
  const found = Object.keys(value);
  if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw invalid(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Fields;
};
const listOf = (value: unknown, max: number, what: string): readonly unknown[] => {
  if (!Array.isArray(value) || value.length > max) throw invalid(`${what} are no list of at most ${max}`);
  return value;
};
const idOf = (value: unknown, what: string): KeyIdBytes => {
  if (!(value instanceof Uint8Array) || value.length !== KEY_ID_BYTES)
    throw invalid(`${what} is not ${KEY_ID_BYTES} bytes`);
  return value;
};
const amountOf = (value: unknown, what: string): bigint => {
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWhole || Object.is(value, -0) || BigInt(value) < 0n || BigInt(value) > SUPPLY_MAX)
    throw invalid(`${what} is no amount from 0 to ${SUPPLY_MAX}`);
  return BigInt(value);
};
/** @throws {GenesisError} for what is there twice */
const onlyOnce = (ids: readonly Uint8Array[], what: string): void => {
  if (new Set(ids.map(keys.hexOf)).size !== ids.length) throw invalid(`one of ${what} is there twice`);
};

/** @param app - `Genesis.app`, as it was made or as it was decoded @throws {GenesisError} */
export const readEconomyGenesis = (app: unknown): EconomyGenesis => {
  const fields = mapOf(
    app,
    ['kind', 'version', 'params', 'accounts', 'validators', 'admins', 'members'],
    'what its economy begins with',
  );
  if (fields['kind'] !== 'caesar' || fields['version'] !== 1)
    throw invalid('it has another economy than this program knows; a newer version of HyperMesh may');
  const params = ((): EconomyGenesis['params'] => {
    try {
      return readEconomyParams(fields['params']);
    } catch (error) {
      if (error instanceof Refusal) throw invalid(error.message.replace(/\.$/, ''));
      throw error;
    }
  })();
  const accounts = listOf(fields['accounts'], GENESIS_ACCOUNTS_MAX, 'its accounts').map((value) => {
    const { id, balance, staked } = mapOf(value, ['id', 'balance', 'staked'], 'an account') as Record<
      'id' | 'balance' | 'staked',
      unknown
    >;
    return { id: idOf(id, 'an account'), balance: amountOf(balance, 'a balance'), staked: amountOf(staked, 'a stake') };
  });
  const validators = listOf(fields['validators'], params.validatorsMax, 'its validators').map((value) => {
    const { node, account } = mapOf(value, ['node', 'account'], 'a validator') as Record<'node' | 'account', unknown>;
    return { node: idOf(node, 'the node of a validator'), account: idOf(account, 'the account of a validator') };
  });
  const admins = listOf(fields['admins'], GENESIS_MEMBERS_MAX, 'its admins').map((value) => idOf(value, 'an admin'));
  const members =
    fields['members'] === null
      ? null
      : listOf(fields['members'], GENESIS_MEMBERS_MAX, 'its members').map((value) => {
          const { account, validator } = mapOf(value, ['account', 'validator'], 'a member') as Record<
            'account' | 'validator',
            unknown
          >;
          if (typeof validator !== 'boolean')
            throw invalid('whether a member may be a validator is neither true nor false');
          return { account: idOf(account, 'a member'), validator };
        });
  onlyOnce(
    accounts.map(({ id }) => id),
    'its accounts',
  );
  onlyOnce(
    validators.map(({ node }) => node),
    'its validators’ nodes',
  );
  onlyOnce(
    validators.map(({ account }) => account),
    'its validators’ accounts',
  );
  onlyOnce(admins, 'its admins');
  onlyOnce(members?.map(({ account }) => account) ?? [], 'its members');
  const supply = accounts.reduce((sum, { balance, staked }) => sum + balance + staked, 0n);
  if (supply > SUPPLY_MAX) throw invalid(`its accounts have more than ${SUPPLY_MAX} micro-CAES together`);
  return { kind: 'caesar', version: 1, params, accounts, validators, admins, members };
};

/** State at height 0. @throws {GenesisError} */
export const genesisState = (genesis: Genesis): StateUpdate[] => {
  const { params, accounts, validators, admins, members } = readEconomyGenesis(genesis.app);
  if (genesis.validators.length !== validators.length || validators.length === 0)
    throw invalid('each node that signs has one account, and no other node has');
  const state = new Map<string, Uint8Array>();
  const stakes = new Map(accounts.map(({ id, staked }) => [keys.hexOf(id), staked]));
  const isOpen = members === null;
  const memberOf = new Map(
    (members ?? []).map(({ account, validator }) => [keys.hexOf(account), { admin: false, validator }]),
  );
  for (const admin of admins)
    memberOf.set(keys.hexOf(admin), { validator: memberOf.get(keys.hexOf(admin))?.validator ?? isOpen, admin: true });
  const validatorOf = new Map<string, KeyIdBytes>();
  for (const { id: node, keys: signerKeys, power } of genesis.validators) {
    const account = validators.find((one) => keys.sameBytes(one.node, node))?.account;
    if (account === undefined) throw invalid('a node that signs has no account');
    const name = keys.hexOf(account);
    if (!(memberOf.get(name)?.validator ?? isOpen))
      throw invalid('the account of a node that signs is no member that may');
    // Genesis names the power; stake that comes or goes later changes it from there.
    const fromStake = (stakes.get(name) ?? 0n) / params.stakePerPower;
    if (fromStake > POWER_MAX) throw invalid(`a stake gives more than ${POWER_MAX} of power; have more stake give one`);
    const base = power - Number(fromStake);
    validatorOf.set(name, node);
    state.set(
      keys.validatorKey(node),
      records.encodeValidator({ keys: signerKeys, account, base, power, down: false, since: 0 }),
    );
    state.set(keys.nodeKey(node), records.encodeNode({ account, issuedAtMs: genesis.createdAtMs, liable: account }));
  }
  let total = 0n;
  let supply = 0n;
  for (const { id, balance, staked } of accounts) {
    supply += balance + staked;
    total += staked;
    if (balance > 0n) state.set(keys.accountKey(id), records.encodeAccount({ balance, escrowed: 0n, nonce: 0 }));
    if (staked > 0n)
      state.set(
        keys.stakeKey(id),
        records.encodeStake({ staked, unbonding: [], index: 0n, validator: validatorOf.get(keys.hexOf(id)) ?? null }),
      );
  }
  for (const [name, node] of validatorOf)
    if ((stakes.get(name) ?? 0n) === 0n)
      state.set(
        keys.stakeKey(keys.bytesOfHex(name)),
        records.encodeStake({ staked: 0n, unbonding: [], index: 0n, validator: node }),
      );
  if (isOpen) state.set(keys.OPEN_KEY, records.NOTHING);
  for (const [name, member] of memberOf) state.set(keys.memberKey(keys.bytesOfHex(name)), records.encodeMember(member));
  for (const kind of RESOURCE_KINDS)
    state.set(
      keys.kindKey(kind),
      records.encodeKind({ price: params.prices[kind].start, listed: 0n, used: 0n, utilisation: 0 }),
    );
  state.set(keys.ECONOMY_KEY, encodeEconomyParams(params));
  state.set(keys.CONSENSUS_KEY, encodeCbor({ ...genesis.params }));
  state.set(keys.SUPPLY_KEY, records.encodeSupply({ genesis: supply, minted: 0n, burnt: 0n }));
  state.set(keys.STAKES_KEY, records.encodeStakes({ total, index: 0n, pot: 0n }));
  state.set(
    keys.EPOCH_KEY,
    records.encodeEpoch({ number: 0, beganAtMs: genesis.createdAtMs, points: 0n, paying: null }),
  );
  return [...state].map(([key, value]) => ({ key, value })).sort((one, other) => (one.key < other.key ? -1 : 1));
};
