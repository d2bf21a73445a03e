export * from './grant.ts';
export * from './lease-file.ts';
export * from './offer.ts';
export * from './receipt.ts';
export * from './record.ts';
export * from './request.ts';
export * from './session.ts';
