import { createHash, timingSafeEqual } from 'node:crypto';

/** What a program must show; both empty: nothing. */
export interface Credentials {
  username: string;
  password: string;
}
const digest = (text: string | Uint8Array): Buffer => createHash('sha256').update(text).digest();

export const asksForCredentials = ({ username, password }: Credentials): boolean => username !== '' || password !== '';
/** Takes as long whatever is wrong. */
export const credentialsHold = (
  wanted: Credentials,
  shown: { username: string | Uint8Array; password: string | Uint8Array },
): boolean => {
  const name = timingSafeEqual(digest(wanted.username), digest(shown.username));
  const password = timingSafeEqual(digest(wanted.password), digest(shown.password));
  return name && password;
};
