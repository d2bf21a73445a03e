import { encodeCbor, sha256 } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import {
  GENESIS_BYTES_MAX,
  GENESIS_NAME,
  GENESIS_NONCE_BYTES,
  LEDGER_VERSION,
  PARAM_BOUNDS,
  TIME_MS_MAX,
} from '../constants.ts';
import type { ConsensusParams, Genesis } from '../interface.ts';
import { createReader, type Reader } from './reader.ts';
import { readValidators, sortValidators, validatorsValue } from './validators.ts';

// docs/formats/genesis.md

const read = createReader('The genesis of the network');
const ITEMS_MAX = 65_536;
const APP_DEPTH_MAX = 16;
const FIELDS = ['v', 'name', 'nonce', 'createdAtMs', 'validators', 'params', 'app'] as const;
const PARAM_NAMES = Object.keys(PARAM_BOUNDS) as (keyof ConsensusParams)[];

/** Each within its bounds; for whoever reads parameters out of a transaction or a state too. */
export const readParams = (value: unknown, reader: Reader = read): ConsensusParams => {
  const fields = reader.fields(value, PARAM_NAMES, 'the list of parameters');
  const params = Object.fromEntries(
    PARAM_NAMES.map((name) => [
      name,
      reader.whole(fields[name], PARAM_BOUNDS[name][0], PARAM_BOUNDS[name][1], `the parameter ${name}`),
    ]),
  );
  return params as unknown as ConsensusParams;
};

/** Maps, lists and plain values, not too deep. */
const isPlain = (value: unknown, depth = 0): boolean => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  return depth < APP_DEPTH_MAX && Object.values(value).every((one) => isPlain(one, depth + 1));
};

/** Sorts the validators. @throws {ConsensusFormatError} what is wrong with it */
export const encodeGenesis = (genesis: Genesis): Uint8Array => {
  const encoded = encodeCbor({
    v: LEDGER_VERSION,
    name: genesis.name,
    nonce: genesis.nonce,
    createdAtMs: genesis.createdAtMs,
    validators: validatorsValue(sortValidators(genesis.validators)),
    params: Object.fromEntries(PARAM_NAMES.map((name) => [name, genesis.params[name]])),
    app: genesis.app,
  });
  decodeGenesis(encoded);
  return encoded;
};

/** What `app` says is for the application to judge. @throws {ConsensusFormatError} */
export const decodeGenesis = (encoded: Uint8Array): Genesis => {
  const fields = read.map(encoded, FIELDS, { bytesMax: GENESIS_BYTES_MAX, itemsMax: ITEMS_MAX });
  if (!isPlain(fields.app)) throw read.malformed('what the applications begin with is too deep');
  return {
    version: 1,
    name: read.text(fields.name, GENESIS_NAME, 'its name'),
    nonce: read.bytes(fields.nonce, GENESIS_NONCE_BYTES, 'its nonce'),
    createdAtMs: read.whole(fields.createdAtMs, 0, TIME_MS_MAX, 'its time'),
    validators: readValidators(fields.validators, read),
    params: readParams(fields.params),
    app: fields.app,
  };
};

/** The network's name: SHA-256 over the encoded genesis. */
export const networkOf = (genesis: Genesis | Uint8Array): Hash =>
  sha256(genesis instanceof Uint8Array ? genesis : encodeGenesis(genesis));
