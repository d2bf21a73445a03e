//! A first WASI job: rustc --target wasm32-wasip1 -O hello.rs
use std::io::Read;

fn main() {
    let name = std::env::args().nth(1).unwrap_or("world".into());
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("stdin is UTF-8");
    println!("Hello, {name}! You sent {} bytes.", text.len());
}
