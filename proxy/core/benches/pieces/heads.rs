//! What filters read and edit: always on the head of a browser's request.

use std::convert::Infallible;

use edgeloom_core::facts::Facts;
use edgeloom_core::head::{Change, Edit, Journal, Refusal, RequestHead, apply};

use crate::gauge::Gauge;
use crate::visitor;

pub(crate) fn measure(gauge: &mut Gauge) {
    let head = || visitor::request("shop.example", "/articles/swedish-wood?page=2");
    read(gauge, &head());

    let edits: [(&str, &[Edit<'_>]); 6] = [
        ("set a new header", &[Edit::Set("x-country", b"SE")]),
        ("set a header that is there", &[Edit::Set("accept-language", b"sv")]),
        ("add to a header", &[Edit::Add("cookie", b"variant=blue")]),
        ("remove a header", &[Edit::Remove("referer")]),
        ("remove a header that is not there", &[Edit::Remove("x-internal")]),
        ("apply four edits", &FOUR),
    ];
    for (name, edits) in edits {
        // Counting what is there already is part of the first edit only.
        let counted = || {
            let (mut head, mut journal) = (head(), practised());
            head.headers.edit(&Edit::Set("x-first", b"1"), &mut journal).unwrap();
            head.commit();
            journal.commit();
            (head, journal)
        };
        gauge.on(&format!("head/{name}"), counted, |(head, journal)| match edits {
            [edit] => head.headers.edit(edit, journal).unwrap(),
            several => make(head, journal, several),
        });
    }
    let both = || (head(), practised());
    gauge.on("head/the first edit", both, |(head, journal)| {
        make(head, journal, &[Edit::Set("x-country", b"SE")]);
    });
    gauge.on("head/a reserved header is refused", both, |(head, journal)| {
        let refused = head.headers.edit(&Edit::Set("x-forwarded-for", b"192.0.2.1"), journal);
        assert_eq!(refused, Err(Refusal::Reserved));
    });
    gauge.on("head/set the path", head, |head| head.set_target("/north/swedish-wood?page=2").unwrap());
    settle(gauge, head);
    facts(gauge);
}

/// The journal of an instance that has made such edits before.
fn practised() -> Journal {
    let mut journal = Journal::default();
    let mut head = visitor::request("shop.example", "/");
    make(&mut head, &mut journal, &FOUR);
    for name in ["accept-language", "x-internal"] {
        head.headers.edit(&Edit::Remove(name), &mut journal).unwrap();
    }
    journal.commit();
    journal
}

const FOUR: [Edit<'static>; 4] = [
    Edit::Set("x-country", b"SE"),
    Edit::Set("x-city", b"Stockholm"),
    Edit::Add("cookie", b"variant=blue"),
    Edit::Remove("referer"),
];

fn make(head: &mut RequestHead, journal: &mut Journal, edits: &[Edit<'_>]) {
    let changes = edits.iter().cloned().map(|edit| Ok::<_, Infallible>(Change::Line(edit)));
    let Ok(made) = apply(&mut head.headers, &mut Facts::default(), journal, changes);
    made.unwrap();
}

fn read(gauge: &mut Gauge, head: &RequestHead) {
    let headers = &head.headers;
    assert!(headers.get("cookie").is_some() && headers.get("x-internal").is_none());
    gauge.again("head/read a header", || headers.get("cookie").map(|value| value.len()));
    gauge
        .again("head/read a header that is not there", || headers.get("x-internal").map(|value| value.len()));
}

/// After four edits of a call: it has succeeded, or was a fault.
fn settle(gauge: &mut Gauge, head: impl Fn() -> RequestHead) {
    let edited = || {
        let (mut head, mut journal) = (head(), practised());
        make(&mut head, &mut journal, &FOUR);
        (head, journal)
    };
    gauge.on("head/commit four edits", edited, |(head, journal)| {
        head.commit();
        journal.commit();
    });
    gauge.on("head/take four edits back", edited, |(head, journal)| head.rollback(journal));
}

fn facts(gauge: &mut Gauge) {
    let some = || {
        let (mut facts, mut journal) = (Facts::default(), Journal::default());
        for (name, value) in [("geo.country", "SE"), ("geo.city", "Stockholm"), ("ab.checkout", "blue")] {
            facts.set(name, value, &mut journal).unwrap();
        }
        journal.commit();
        (facts, journal)
    };
    let (there, _) = some();
    gauge.again("fact/read", || there.get("ab.checkout").map(str::len));
    gauge.on("fact/leave", some, |(facts, journal)| {
        facts.set("route.rule", "nordic", journal).unwrap();
    });
}
