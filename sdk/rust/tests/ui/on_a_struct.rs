use edgeloom_sdk::{Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
struct Other;

fn main() {}
