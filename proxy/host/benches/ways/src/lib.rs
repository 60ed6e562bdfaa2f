//! Five header reads and three edits, by each of the three contracts.

#![allow(unsafe_code, unreachable_pub, clippy::all, reason = "generated bindings")]

wit_bindgen::generate!({ path: "wit", world: "ways" });

struct Ways;

export!(Ways);

const READ: [&str; 5] = ["accept", "user-agent", "cookie", "referer", "x-h19"];
const EDITED: [&str; 3] = ["x-country", "x-city", "x-variant"];

impl Guest for Ways {
    fn nothing() {}

    fn by_handle(request: &Request) {
        let found = READ.iter().filter_map(|name| request.header(name)).map(|value| value.len()).sum();
        for name in EDITED {
            request.set_header(name, value(found));
        }
    }

    fn by_handle_applied(request: &Request) {
        let found = READ.iter().filter_map(|name| request.header(name)).map(|value| value.len()).sum();
        request.apply(&edits(found));
    }

    fn by_record(headers: Vec<Header>) -> Vec<Edit> {
        let value = |name: &&str| headers.iter().find(|header| header.name == **name);
        edits(READ.iter().filter_map(value).map(|header| header.value.len()).sum())
    }
}

fn edits(found: usize) -> Vec<Edit> {
    EDITED
        .iter()
        .map(|name| Edit::Set(Header { name: (*name).to_owned(), value: value(found).to_vec() }))
        .collect()
}

/// Depends on what was read, so that no read can be left out.
fn value(found: usize) -> &'static [u8] {
    if found.is_multiple_of(2) { b"even" } else { b"odd" }
}
