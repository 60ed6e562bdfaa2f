use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[derive(Settings)]
struct Other<T> {
    inner: T,
}

#[filter]
impl<T> Other<T> {
    #[on_request]
    fn choose(&self, _: &mut Request) {}
}

fn main() {}
