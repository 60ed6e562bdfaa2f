use edgeloom_sdk::{Settings};

#[derive(Settings)]
struct Mine {
    a: std::time::Instant,
}

fn main() {}
