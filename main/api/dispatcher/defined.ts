type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
/** Without the fields that are there but undefined: "no change" is the same as not being there. */
export const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
