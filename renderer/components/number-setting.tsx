import { NumberInput } from '@mantine/core';
import { useEffect, useState } from 'react';

/** A whole number that is kept on leaving the field or by Enter; what is none, and what the node refuses, goes back. */
export const NumberSetting = ({
  label,
  value,
  min,
  max,
  suffix = '',
  onSave,
}: {
  label: string;
  /** As it is kept now. */
  value: number;
  min: number;
  max: number;
  /** Unit behind the number, with its space. */
  suffix?: string;
  /** @returns whether it is kept */
  onSave(next: number): Promise<boolean>;
}) => {
  const [draft, setDraft] = useState<number | string>(value);
  useEffect(() => setDraft(value), [value]);
  const save = async (): Promise<void> => {
    const next = Number(draft);
    const isWrong = draft === '' || !Number.isInteger(next) || next < min || next > max;
    if (isWrong || (next !== value && !(await onSave(next)))) setDraft(value);
  };
  return (
    <NumberInput
      aria-label={label}
      value={draft}
      min={min}
      max={max}
      suffix={suffix}
      allowDecimal={false}
      clampBehavior="blur"
      onChange={setDraft}
      onBlur={() => void save()}
      onKeyDown={(event) => event.key === 'Enter' && void save()}
      w={140}
    />
  );
};
