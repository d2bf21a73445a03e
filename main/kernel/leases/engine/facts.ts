import { assert, encodeCbor } from '../../../base/index.ts';
import { createFieldReader } from '../fields.ts';
import type { LeaseFacts } from './lease-entry.ts';

const VERSION = 1;
/** Fields, the terms with their 64 names and 64 proofs; with room. */
const ITEMS_MAX = 256;
const NAMES = [
  'resource',
  'unit',
  'amount',
  'allocationType',
  'anonymous',
  'route',
  'purpose',
  'address',
  'requestedAtMs',
  'durationMs',
  'startedAtMs',
  'endsAtMs',
  'tickMs',
  'priceMicro',
  'code',
  'reason',
  'peerId',
  'far',
  'farKeys',
  'requestHash',
  'grantHash',
  'terms',
] as const satisfies readonly (keyof LeaseFacts)[];
const reader = createFieldReader('A stored lease', ITEMS_MAX);

/** Facts of a lease as they are kept; docs/formats/lease-rows.md. */
export const encodeFacts = (facts: LeaseFacts): Uint8Array =>
  encodeCbor({ v: VERSION, ...facts, priceMicro: facts.priceMicro.toString() });

/**
 * Reads what {@link encodeFacts} wrote. Only this program writes it; what is read is checked where another type would go unnoticed.
 *
 * @throws {LeaseFormatError} of a database that is damaged, or of a newer version
 */
export const decodeFacts = (encoded: Uint8Array): LeaseFacts => {
  const { v: _, ...fields } = reader.map(encoded, VERSION, ['v', ...NAMES]);
  for (const name of ['amount', 'requestedAtMs', 'durationMs', 'endsAtMs', 'tickMs'] as const)
    reader.whole(fields[name], 0, Number.MAX_SAFE_INTEGER, name);
  for (const name of ['far', 'requestHash', 'grantHash'] as const)
    if (fields[name] !== null) reader.bytes(fields[name], 32, name);
  for (const name of ['resource', 'unit', 'allocationType', 'route', 'purpose', 'code', 'reason'] as const)
    assert(typeof fields[name] === 'string', `A stored lease has its ${name} as text.`);
  return { ...fields, priceMicro: reader.micro(fields.priceMicro, 'priceMicro') } as unknown as LeaseFacts;
};
