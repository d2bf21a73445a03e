import { CopyButton } from './short-hash.tsx';

const START_LENGTH = 11;
const END_LENGTH = 6;

/** `caes1qpzry9…wd4c7x`: both ends, of which the last six are the checksum. */
export const shortAddress = (address: string): string =>
  address.length <= START_LENGTH + END_LENGTH + 1
    ? address
    : `${address.slice(0, START_LENGTH)}…${address.slice(-END_LENGTH)}`;

/** An account's address by both ends, whole on hover, with a button that copies all of it for a minute. */
export const Address = ({ address, name }: { address: string; name?: string }) => (
  <span className="hm-hash">
    <code title={address}>{shortAddress(address)}</code>
    <CopyButton
      text={address}
      what={name === undefined || name === '' ? 'the address' : `the address of ${name}`}
      clears
    />
  </span>
);

/** Somebody by name where there is one, else by address. */
export const nameOrAddress = (name: string, address: string | null): string =>
  name !== '' ? name : address === null ? 'nobody' : shortAddress(address);
