export { createLogBook, formatLogLine, type LogBookComponents, type LogBookInit } from './create-log-book.ts';
export type * from './interface.ts';
export { createRedactor, type Redactor } from './redact.ts';
