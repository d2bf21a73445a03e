/* A first WASI job in C: clang --target=wasm32-wasi --sysroot=/usr -O2 -o hello.wasm hello.c */
#include <stdio.h>

int main(int argc, char **argv) {
    long bytes = 0;
    while (getchar() != EOF) bytes++;
    printf("Hello, %s! You sent %ld bytes.\n", argc > 1 ? argv[1] : "world", bytes);
    return 0;
}
