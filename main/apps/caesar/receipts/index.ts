export { makeReceipt, RECEIPT_BYTES_MAX, type ReceiptFile } from './format.ts';
export { verifyReceipt, verifyReceiptInWorkers } from './verify.ts';
export { createReceiptMaker } from './receipt-of-lease.ts';
