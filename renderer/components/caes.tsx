import { TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { caesNumberText, caesText } from './quantity.ts';

/** As the contract takes an amount; both decimal signs, since keyboards differ. */
const AMOUNT = /^(\d{1,13})(?:[.,](\d{1,6}))?$/;

/** Micro-CAES of what a person typed; null where it is no amount. */
export const microOfText = (text: string): bigint | null => {
  const found = AMOUNT.exec(text.trim());
  return found === null ? null : BigInt(found[1] ?? '0') * 1_000_000n + BigInt((found[2] ?? '').padEnd(6, '0'));
};

/** With `+` or `−` in front, as a change of a balance is read. */
const signedText = (micro: bigint): string => `${micro > 0n ? '+' : ''}${caesText(micro)}`;

/**
 * An amount of micro-CAES, exact, in the one way in which the program writes it: thin groups, at most six places, unit.
 *
 * @param props.signed - as a change, with its sign. @default false
 */
export const Caes = ({ micro, signed = false }: { micro: string | bigint; signed?: boolean }) => (
  <span className="hm-number">{signed ? signedText(BigInt(micro)) : caesText(BigInt(micro))}</span>
);

/** The one number of a part that is seen from afar; its unit is smaller. */
export const LargeCaes = ({ micro }: { micro: string | bigint }) => (
  <span className="hm-caes-large">
    {caesNumberText(BigInt(micro))} <span className="hm-caes-unit">CAES</span>
  </span>
);

/** Takes an amount of CAES as text: no float, so nothing is rounded before it is signed. */
export const CaesInput = ({
  label,
  description,
  value,
  required = false,
  onChange,
}: {
  label: string;
  description?: ReactNode;
  value: string;
  required?: boolean;
  onChange(next: string): void;
}) => (
  <TextInput
    label={label}
    description={description}
    value={value}
    required={required}
    withAsterisk={false}
    inputMode="decimal"
    autoComplete="off"
    placeholder="12.5"
    rightSection={<span className="hm-small hm-dim">CAES</span>}
    rightSectionWidth={56}
    rightSectionPointerEvents="none"
    error={
      value.trim() !== '' && microOfText(value) === null ? 'Write it like 12.5, with six places at most.' : undefined
    }
    onChange={(event) => onChange(event.currentTarget.value)}
  />
);
