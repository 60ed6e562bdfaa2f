use edgeloom_sdk::{Answer, Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_response]
    fn mark(&self, _: &mut Response) -> Answer {
        Answer::new(500)
    }
}

fn main() {}
