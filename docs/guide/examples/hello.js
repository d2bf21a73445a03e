// A first job: says what it was given.
console.log(`Hello, ${args[0] ?? 'world'}!`);
