use edgeloom_sdk::{Settings};

#[derive(Settings)]
#[settings(deny_unknown_fields)]
struct Mine {
    a: u8,
}

fn main() {}
