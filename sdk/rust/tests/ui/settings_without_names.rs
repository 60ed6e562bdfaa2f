use edgeloom_sdk::{Settings};

#[derive(Settings)]
struct Pair(u8, u8);

fn main() {}
