// Counts the words of what it reads: hypermesh run words.js < text
const counts = new Map();
for (const line of stdin.lines())
  for (const word of line.toLowerCase().match(/\p{L}+/gu) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
const most = Number(args[0] ?? 10);
for (const [word, count] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, most)) console.log(`${count}\t${word}`);
