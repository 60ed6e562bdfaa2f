use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::{Cluster, Country, HeaderName, Settings};

#[derive(Debug, PartialEq, Settings)]
struct Shop {
    clusters: BTreeMap<Country, Cluster>,
    otherwise: Cluster,
    #[settings(default = 3)]
    tries: u8,
    #[settings(default)]
    rules: Vec<Rule>,
    note: Option<String>,
    #[settings(rename = "type")]
    kind: Option<Kind>,
    #[settings(skip)]
    seen: usize,
}

#[derive(Debug, PartialEq, Settings)]
struct Rule {
    path: String,
    then: Action,
}

#[derive(Debug, PartialEq, Settings)]
enum Action {
    Pass,
    StripPrefix(String),
    Redirect { to: String, status: u16 },
}

#[derive(Debug, PartialEq, Settings)]
enum Kind {
    Small,
    #[settings(rename = "XL")]
    VeryLarge,
}

const MINIMAL: &str = "clusters: {}, otherwise: south";

#[track_caller]
fn refused<T: Settings>(yaml: &str) -> String {
    T::from_yaml(yaml).err().unwrap().into_string()
}

#[test]
fn a_struct_is_a_map_of_its_fields() {
    let shop = Shop::from_yaml(
        "{ clusters: { SE: north, NO: north }, otherwise: south, type: XL, note: ~, rules: [
            { path: /a, then: pass },
            { path: /b, then: { strip_prefix: /b } },
            { path: /c, then: { redirect: { to: /d, status: 308 } } },
        ] }",
    )
    .unwrap();
    assert_eq!(shop.clusters[&"NO".parse().unwrap()].as_str(), "north", "Norway is no boolean");
    assert_eq!((shop.tries, shop.note, shop.kind, shop.seen), (3, None, Some(Kind::VeryLarge), 0));
    let actions: Vec<Action> = shop.rules.into_iter().map(|rule| rule.then).collect();
    assert_eq!(
        actions,
        [Action::Pass, Action::StripPrefix("/b".into()), Action::Redirect { to: "/d".into(), status: 308 }]
    );
}

#[test]
fn mistakes_are_told_with_their_place_what_was_found_and_what_was_wanted() {
    for (extra, sentence) in [
        ("tries: many", "`tries`: found the text `many`, wanted a whole number from 0 to 255"),
        ("tries: 256", "`tries`: found the number 256, wanted a whole number from 0 to 255"),
        ("tries: ~", "`tries`: found nothing, wanted a whole number from 0 to 255"),
        ("type: medium", "`type`: found the text `medium`, wanted `small` or `XL`"),
        ("rules: [{ then: pass }]", "`rules[0].path`: missing, wanted a text"),
        ("rules: {}", "`rules`: found a map, wanted a list"),
        ("rules: [/a]", "`rules[0]`: found the text `/a`, wanted a map of `path`, `then`"),
        (
            "rules: [{ path: /a, then: strip_prefix }]",
            "`rules[0].then`: found the text `strip_prefix`, wanted `pass`, `strip_prefix: …` or `redirect: …`",
        ),
        (
            "rules: [{ path: /a, then: { redirect: { to: /b, status: high } } }]",
            "`rules[0].then.redirect.status`: found the text `high`, wanted a whole number from 0 to 65535",
        ),
        (
            "rules: [{ path: /a, then: { pass: ~, strip_prefix: a } }]",
            "`rules[0].then`: found a map of several, wanted `pass`, `strip_prefix: …` or `redirect: …`",
        ),
        ("trys: 1", "`trys`: no such setting; did you mean `tries`?"),
        (
            "color: red",
            "`color`: no such setting; there are `clusters`, `otherwise`, `tries`, `rules`, `note`, `type`",
        ),
    ] {
        assert_eq!(refused::<Shop>(&format!("{{ {MINIMAL}, {extra} }}")), sentence);
    }
    assert_eq!(
        refused::<Shop>("{ clusters: { Sweden: north }, otherwise: south }"),
        "`clusters.Sweden`: found the text `Sweden`, wanted a country's two letters in upper case, like SE"
    );
    assert_eq!(
        refused::<Shop>("{ clusters: { SE: '' }, otherwise: south }"),
        "`clusters.SE`: found the text ``, wanted the name of a cluster"
    );
    assert_eq!(
        refused::<Shop>("[]"),
        "found a list, wanted a map of `clusters`, `otherwise`, `tries`, `rules`, `note`, `type`"
    );
}

#[test]
fn a_long_text_is_shortened_in_messages() {
    let sentence = refused::<u8>(&"å".repeat(1000));
    assert_eq!(
        sentence,
        format!("found the text `{}…`, wanted a whole number from 0 to 255", "å".repeat(40))
    );
}

#[test]
fn nothing_is_a_map_without_fields() {
    #[derive(Debug, PartialEq, Settings)]
    struct Nothing;

    assert_eq!(Nothing::from_json("null"), Ok(Nothing));
    assert_eq!(Nothing::from_json("{}"), Ok(Nothing));
    assert_eq!(refused::<Nothing>("{ a: 1 }"), "`a`: no such setting; there are none");
}

#[test]
fn a_name_given_twice_is_refused() {
    assert_eq!(
        Shop::from_json(r#"{"otherwise":"a","otherwise":"b"}"#).unwrap_err().to_string(),
        "`otherwise`: given twice"
    );
    let twice = BTreeMap::<HeaderName, String>::from_json(r#"{"X-A":"1","x-a":"2"}"#);
    assert_eq!(twice.unwrap_err().to_string(), "`x-a`: given twice");
}

#[test]
fn what_was_read_may_be_checked_and_completed() {
    #[derive(Debug, Settings)]
    #[settings(validate = Window::check)]
    struct Window {
        from: u32,
        to: u32,
        #[settings(skip)]
        size: u32,
    }

    impl Window {
        fn check(&mut self) -> Result<(), &'static str> {
            self.size = self.to.checked_sub(self.from).ok_or("`to` is before `from`")?;
            Ok(())
        }
    }

    assert_eq!(Window::from_yaml("{ from: 2, to: 5 }").unwrap().size, 3);
    assert_eq!(refused::<Vec<Window>>("[{ from: 5, to: 2 }]"), "`[0]`: `to` is before `from`");
}

#[test]
fn a_type_may_be_made_from_another() {
    #[derive(Debug, Settings)]
    #[settings(from = u16)]
    struct Port(u16);

    impl TryFrom<u16> for Port {
        type Error = String;

        fn try_from(port: u16) -> Result<Self, String> {
            if port == 0 { Err("0 is no port".into()) } else { Ok(Self(port)) }
        }
    }

    assert_eq!(Port::from_json("80").unwrap().0, 80);
    assert_eq!(refused::<BTreeMap<String, Port>>("{ http: 0 }"), "`http`: 0 is no port");
    assert_eq!(refused::<Port>("x"), "found the text `x`, wanted a whole number from 0 to 65535");
}

#[test]
fn durations_have_units() {
    for (text, milliseconds) in
        [("250ms", 250), ("2s", 2_000), ("5m", 300_000), ("1h", 3_600_000), ("30d", 2_592_000_000)]
    {
        assert_eq!(Duration::from_yaml(text), Ok(Duration::from_millis(milliseconds)));
    }
    for text in ["10", "s", "-1s", "1.5s", "1 s", "18446744073709551615d"] {
        assert!(Duration::from_yaml(text).is_err(), "{text}");
    }
}

#[test]
fn one_may_stand_for_a_list_of_one() {
    assert_eq!(OneOrMany::<u8>::from_yaml("1").unwrap().0, [1]);
    assert_eq!(OneOrMany::<u8>::from_yaml("[1, 2]").unwrap().0, [1, 2]);
    assert_eq!(
        refused::<OneOrMany<u8>>("[1, x]"),
        "`[1]`: found the text `x`, wanted a whole number from 0 to 255"
    );
}

#[test]
fn an_ordered_map_keeps_its_order() {
    let weights = Ordered::<String, u32>::from_yaml("{ b: 1, a: 2 }").unwrap();
    assert_eq!(weights.0, [("b".to_owned(), 1), ("a".to_owned(), 2)]);
}

#[test]
fn decimals_are_rounded_as_rust_does() {
    for text in [
        "0",
        "-0",
        "0.5",
        "0.1",
        "33.33",
        "-12.75",
        "0.0001",
        "1e3",
        "2.5E-7",
        "123456789.012345",
        "1e22",
        "5e-22",
    ] {
        let number = f64::from_json(text).unwrap();
        assert_eq!(number.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    for text in
        ["1e23", "1e-23", "0.3000000000000000444", "1234567890123456", "1.2.3", "-", "1e", "1-2", "\"1\""]
    {
        assert!(f64::from_json(text).is_err(), "{text}");
    }
    assert_eq!(refused::<f64>("many"), "found the text `many`, wanted a number of up to 15 digits");
}

#[test]
fn numbers_and_names_are_what_they_say() {
    assert_eq!(f64::from_json("-0.5e1"), Ok(-5.0));
    assert_eq!(i64::from_json("-3"), Ok(-3));
    assert_eq!(bool::from_json("true"), Ok(true));
    assert_eq!(HeaderName::from_yaml("X-Bucket").unwrap(), "x-bucket");
    assert!(HeaderName::from_yaml("x bucket").is_err());
    assert!(u32::from_json("1.0").is_err());
    assert!(u32::from_json("\"1\"").is_err());
}
