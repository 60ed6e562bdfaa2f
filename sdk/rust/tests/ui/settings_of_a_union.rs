use edgeloom_sdk::{Settings};

#[derive(Settings)]
union Either {
    number: u32,
    real: f32,
}

fn main() {}
