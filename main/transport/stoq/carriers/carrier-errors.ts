import { CarrierError } from '../errors.ts';
import type { Address } from '../interface.ts';

/** The errors that all carriers throw, each with one sentence. */
export const closedError = (): CarrierError =>
  new CarrierError({ code: 'CLOSED' }, 'The channel is closed. Open a new connection to go on.');
export const resetError = (): CarrierError =>
  new CarrierError({ code: 'RESET' }, 'The stream was ended before its work was done. Open another to try again.');
export const tooManyError = (): CarrierError =>
  new CarrierError({ code: 'TOO_MANY' }, 'The channel has as many streams open as it may. Wait until one has ended.');
export const unreachableError = (address: Address, detail: string): CarrierError =>
  new CarrierError(
    { code: 'UNREACHABLE', address, detail },
    `Nobody answers at ${address}: ${detail}. Check that the address is right and the node there is running.`,
  );
export const timedOutError = (address: Address): CarrierError =>
  new CarrierError(
    { code: 'TIMED_OUT', address },
    `${address} gave no answer in time. It may be switched off or behind a router that lets nothing in.`,
  );
export const portInUseError = (address: Address): CarrierError =>
  new CarrierError(
    { code: 'PORT_IN_USE', address },
    `The port of ${address} is taken by another program. Choose another port, or 0 for any free one.`,
  );
export const notAllowedError = (address: Address): CarrierError =>
  new CarrierError(
    { code: 'NOT_ALLOWED', address },
    `The system does not let this program listen at ${address}. Choose a port of 1024 or above.`,
  );
export const noSuchAddressError = (address: Address): CarrierError =>
  new CarrierError(
    { code: 'NO_SUCH_ADDRESS', address },
    `This machine has no address ${address} that this carrier could listen at or dial.`,
  );
