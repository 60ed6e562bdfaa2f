//! Tells all that the `tls` grant says, in headers of the request and of the response.
use edgeloom_sdk::tls::{AlternativeName, certificate, connection, names};
use edgeloom_sdk::{Edits, HeaderName, Request, Response, Settings, filter, header};

#[derive(Settings)]
struct Tells {}

#[filter]
impl Tells {
    #[on_request]
    fn ask(&self, request: &mut Request) {
        request.apply(&said());
    }

    #[on_response]
    fn tell(&self, response: &mut Response) {
        response.apply(&said());
    }
}

fn said() -> Edits<'static> {
    let mut edits = Edits::new();
    let mut say = |name: &'static HeaderName, value: String| {
        edits.set(name, value);
    };
    if let Some(connection) = connection() {
        say(header!("x-tls-version"), connection.version);
        say(header!("x-tls-cipher"), connection.cipher);
        say(header!("x-tls-name"), connection.server_name.unwrap_or_else(|| "nobody".to_owned()));
    }
    if let Some(shown) = certificate() {
        say(header!("x-client-subject"), shown.subject);
        say(header!("x-client-sha256"), shown.sha256);
    }
    let names: Vec<String> = names().into_iter().map(written).collect();
    say(header!("x-client-names"), names.join(" "));
    edits
}

fn written(name: AlternativeName) -> String {
    match name {
        AlternativeName::Dns(name) => ["dns=", &name].concat(),
        AlternativeName::Email(name) => ["email=", &name].concat(),
        AlternativeName::Uri(name) => ["uri=", &name].concat(),
        AlternativeName::Ip(name) => ["ip=", &name].concat(),
        _ => "unknown".to_owned(),
    }
}
