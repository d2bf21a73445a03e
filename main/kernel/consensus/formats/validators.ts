import { assert, encodeCbor, sha256 } from '../../../base/index.ts';
import {
  ED25519_PUBLIC_BYTES,
  FALCON_PUBLIC_BYTES,
  type KeyIdBytes,
  keyIdBytesOf,
} from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { LEDGER_VERSION, POWER_MAX, SET_BYTES_MAX, VALIDATORS_MAX } from '../constants.ts';
import type { Validator } from '../interface.ts';
import { createReader, type Reader, sameBytes } from './reader.ts';

// docs/formats/genesis.md, section "Set of validators"

const read = createReader('The set of validators');
const ITEMS_MAX = 8 + 4 * VALIDATORS_MAX;

/** In the order of the ids, as every set here is. */
export const sortValidators = (validators: readonly Validator[]): Validator[] =>
  [...validators].sort((one, other) => Buffer.compare(one.id, other.id));

/** What a set is inside another value. */
export const validatorsValue = (validators: readonly Validator[]): unknown =>
  validators.map(({ keys, power }) => ({ power, ed25519: keys.ed25519, falcon1024: keys.falcon1024 }));

/** Ids are not written: they are computed from the keys, so that none can be claimed. */
export const readValidators = (value: unknown, reader: Reader): Validator[] => {
  const list = reader.list(value, VALIDATORS_MAX, 'the list of validators');
  if (list.length === 0) throw reader.malformed('there is no validator');
  const validators = list.map((one): Validator => {
    const fields = reader.fields(one, ['power', 'ed25519', 'falcon1024'], 'a validator');
    const keys = {
      ed25519: reader.bytes(fields.ed25519, ED25519_PUBLIC_BYTES, 'an Ed25519 key'),
      falcon1024: reader.bytes(fields.falcon1024, FALCON_PUBLIC_BYTES, 'a FALCON-1024 key'),
    };
    return { id: keyIdBytesOf(keys), keys, power: reader.whole(fields.power, 1, POWER_MAX, 'a power') };
  });
  validators.forEach(({ id }, i) => {
    const before = validators[i - 1];
    if (before !== undefined && Buffer.compare(before.id, id) >= 0)
      throw reader.malformed('its validators are not in the order of their ids, each once');
  });
  return validators;
};

/** @param validators - sorted, each once, 1 to 100 */
export const encodeValidators = (validators: readonly Validator[]): Uint8Array => {
  assert(validators.length > 0 && validators.length <= VALIDATORS_MAX, `A set has 1 to ${VALIDATORS_MAX} validators.`);
  assert(
    validators.every(({ id }, i) => i === 0 || Buffer.compare(validators[i - 1]!.id, id) < 0),
    'A set is in the order of the ids, each once.',
  );
  return encodeCbor({ v: LEDGER_VERSION, validators: validatorsValue(validators) });
};

/** @throws {ConsensusFormatError} */
export const decodeValidators = (encoded: Uint8Array): Validator[] => {
  const fields = read.map(encoded, ['v', 'validators'], { bytesMax: SET_BYTES_MAX, itemsMax: ITEMS_MAX });
  return readValidators(fields.validators, read);
};

/** What a header names a set by. */
export const setHash = (validators: readonly Validator[]): Hash => sha256(encodeValidators(validators));

export const powerOf = (validators: readonly Validator[]): number =>
  validators.reduce((sum, { power }) => sum + power, 0);
/** Whether so much power of a total is a quorum. */
export const isMoreThanTwoThirds = (power: number, total: number): boolean => 3 * power > 2 * total;
/** Whether so much power cannot be that of liars alone. */
export const isMoreThanAThird = (power: number, total: number): boolean => 3 * power > total;

/** Place in the set, or -1. */
export const placeOf = (validators: readonly Validator[], id: KeyIdBytes): number =>
  validators.findIndex((one) => sameBytes(one.id, id));
