export type * from './interface.ts';
export { DiagnosticsError } from './errors.ts';
export { createDiagnostics, checkWithoutNode, type DiagnosticsComponents } from './diagnostics.ts';
export { hasIpv6Loopback } from './checks.ts';
