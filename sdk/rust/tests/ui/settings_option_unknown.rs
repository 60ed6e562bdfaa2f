use edgeloom_sdk::{Settings};

#[derive(Settings)]
struct Mine {
    #[settings(alias = "b")]
    a: u8,
}

fn main() {}
