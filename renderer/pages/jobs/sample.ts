/** Name of the sample's job. */
export const SAMPLE_NAME = 'Primes (sample)';

/**
 * A small program to try: counts primes for about twenty seconds of processor time, so that there is something to see
 * in the measured share, and says how far it is.
 */
export const SAMPLE_SOURCE = `// Counts primes for a while, to show what a job gets.
const seconds = Number(args[0] ?? 20);
console.log('Counting primes for ' + seconds + ' s');
const begin = performance.now();
let said = 0;
let found = 0;
let number = 2;
while (performance.now() - begin < seconds * 1000) {
  for (let count = 0; count < 200; count += 1, number += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= number; divisor += 1) {
      if (number % divisor === 0) { prime = false; break; }
    }
    if (prime) found += 1;
  }
  const elapsed = Math.floor((performance.now() - begin) / 1000);
  if (elapsed > said) {
    said = elapsed;
    console.log(elapsed + ' s: ' + found + ' primes up to ' + number);
  }
}
console.log('Done: ' + found + ' primes up to ' + number);
`;
