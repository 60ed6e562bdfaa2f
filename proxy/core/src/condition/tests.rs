use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

fn request(target: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("x-beta", &b"1"[..]), ("accept", b"text/html"), ("accept", b"*/*"), ("x-raw", b"\xff")]
    {
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let target = PathAndQuery::try_from(target).unwrap();
    RequestHead::new(Method::GET, "shop.example".into(), target, headers)
}

#[test]
fn hosts() {
    for (pattern, host, matches) in [
        ("shop.example", "shop.example", true),
        ("Shop.Example", "shop.example", true),
        ("shop.example", "www.shop.example", false),
        ("shop.example", "shop.example.", true),
        ("shop.example.", "shop.example", true),
        ("shop.example", "", false),
        ("*.shop.example", "www.shop.example", true),
        ("*.shop.example", "a.b.shop.example.", true),
        ("*.shop.example", "shop.example", false),
        ("*.shop.example", ".shop.example", false),
        ("*.shop.example", "workshop.example", false),
        ("[2001:DB8::1]", "[2001:db8::1]", true),
        ("10.0.0.1", "10.0.0.1", true),
        ("*", "anything", true),
        ("*", "", true),
    ] {
        assert_eq!(pattern.parse::<HostPattern>().unwrap().matches(host), matches, "{pattern} {host}");
    }
}

#[test]
fn what_is_not_a_host_is_told_the_remedy() {
    use HostPatternError::*;
    for (text, error) in [
        ("", NotAHost),
        (".", NotAHost),
        ("a..b", NotAHost),
        ("https://a.example", NotAHost),
        ("a.example/b", NotAHost),
        ("a b", NotAHost),
        (&"a".repeat(64), NotAHost),
        (&"a.".repeat(128), NotAHost),
        ("a.example:80", Colon),
        ("2001:db8::1", Colon),
        ("[2001:db8::1]:80", Colon),
        ("köping.example", NotAscii),
        ("*a.example", Star),
        ("a.*.example", Star),
        ("*.*.example", Star),
        ("*.", NotAHost),
    ] {
        assert_eq!(text.parse::<HostPattern>(), Err(error), "{text}");
    }
}

#[test]
fn paths() {
    for (pattern, path, matches) in [
        ("/cart", "/cart", true),
        ("/cart", "/cart/", false),
        ("/cart", "/Cart", false),
        ("/cart/*", "/cart", true),
        ("/cart/*", "/cart/", true),
        ("/cart/*", "/cart/a/b", true),
        ("/cart/*", "/carta", false),
        ("/cart//*", "/cart", true),
        ("/*", "/", true),
        ("/*", "*", true),
        ("/", "/", true),
        ("/", "*", false),
        ("~ ^/p/([0-9]+)$", "/p/17", true),
        ("~ ^/p/([0-9]+)$", "/p/x", false),
        ("~ beta", "/a/beta/b", true),
    ] {
        assert_eq!(pattern.parse::<PathPattern>().unwrap().matches(path), matches, "{pattern} {path}");
    }
}

/// Other spellings of a path, and what they are compared as.
#[test]
fn no_other_spelling_slips_past() {
    for (path, spelled) in [
        // What needs no percent-encoding is compared without it.
        ("/%61dmin", Some("/admin")),
        ("/%7Euser/%2d%5f%2E%2e.", Some("/~user/-_...")),
        ("/%40scope/%21%24%26", Some("/@scope/!$&")),
        // What needs it is compared in upper case, decoded never twice.
        ("/a%20b/k%c3%b6ping", Some("/a%20b/k%C3%B6ping")),
        ("/köping", Some("/k%C3%B6ping")),
        ("/a%2561", Some("/a%2561")),
        ("/%%36%31", Some("/%2561")),
        ("/100%/%4/%zz", Some("/100%25/%254/%25zz")),
        ("/a%3fb%23c%00", Some("/a%3Fb%23c%00")),
        // What some origin takes for a slash is one, and several are one.
        ("//admin///x", Some("/admin/x")),
        ("/%2Fadmin%2fx", Some("/admin/x")),
        ("/\\admin%5cx", Some("/admin/x")),
        ("/a/", Some("/a/")),
        ("/a//", Some("/a/")),
        // Path parameters are cut off; an encoded `;` is none.
        ("/admin;a=b", Some("/admin")),
        ("/admin;/x;y/z", Some("/admin/x/z")),
        ("/;x/;y/admin", Some("/admin")),
        ("/;a%2Fb\\c", Some("/c")),
        ("/a%3Bb", Some("/a%3Bb")),
        // Nobody knows where dot segments lead.
        ("/.", None),
        ("/..", None),
        ("/a/../admin", None),
        ("/a/./b", None),
        ("/a/%2e%2E/admin", None),
        ("/a%2F..%2Fadmin", None),
        ("/a\\..\\admin", None),
        ("/a/..;x/admin", None),
        ("/a/.;/admin", None),
        ("/a/..", None),
        ("..", None),
        ("/.well-known/x", Some("/.well-known/x")),
        ("/a/...", Some("/a/...")),
        ("/a../b.", Some("/a../b.")),
        ("*", Some("%2A")),
        ("/a*b", Some("/a%2Ab")),
    ] {
        assert_eq!(canonical::path(path).as_deref(), spelled, "{path}");
        assert_eq!("/*".parse::<PathPattern>().unwrap().matches(path), spelled.is_some(), "{path}");
    }
    for pattern in ["/admin", "/admin/*", "~ ^/admin$", "/%61dmin", "//admin", "/%2Fadmin/*"] {
        let pattern: PathPattern = pattern.parse().unwrap();
        assert!(pattern.matches("/%61dmin") && pattern.matches("//admin;x"), "{pattern}");
    }
}

#[test]
fn a_path_in_its_usual_spelling_is_not_copied() {
    for path in ["/", "/cart/17/items.json", "/@scope/~user/a-b_c!$&'()+,=:"] {
        assert!(matches!(canonical::path(path), Some(Cow::Borrowed(_))), "{path}");
    }
}

#[test]
fn what_is_not_a_path_is_told_the_remedy() {
    use PathPatternError::*;
    for (text, error) in [
        ("", NoSlash),
        ("cart", NoSlash),
        ("*", NoSlash),
        ("~^/p", NoSlash),
        ("/cart*", Star),
        ("/*/cart", Star),
        ("/*/*", Star),
        ("/a?b", Query),
        ("/a#b", Query),
        ("/a;v=1", Parameters),
        ("/a/../b", Dots),
        ("/a/%2e/*", Dots),
        ("/a/./*", Dots),
        ("~ ", Pattern(PatternError::Empty)),
    ] {
        assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
    }
    for pattern in ["~ (", "~ a{4000}{4000}", "~ (?=a)", r"~ (a)\1"] {
        let error = pattern.parse::<PathPattern>().unwrap_err();
        assert!(matches!(error, Pattern(PatternError::Illegal(_))), "{pattern}: {error}");
    }
}

#[test]
fn headers() {
    for (name, pattern, holds) in [
        ("x-beta", "1", true),
        ("x-beta", "2", false),
        ("x-beta", "*", true),
        ("x-beta", "!", false),
        ("x-none", "*", false),
        ("x-none", "!", true),
        ("x-none", "", false),
        ("accept", "*/*", true),
        ("accept", "~ ^text/", true),
        ("accept", "~ ^image/", false),
        ("x-raw", "*", true),
        ("x-raw", "~ .", false),
    ] {
        let headers = vec![(HeaderName::from_static(name), pattern.parse().unwrap())];
        let condition = Condition { headers, ..Condition::default() };
        assert_eq!(condition.holds(&request("/")), holds, "{name}: {pattern}");
    }
}

#[test]
fn query() {
    for (query, name, pattern, holds) in [
        ("?q=a", "q", "a", true),
        ("?q=a", "q", "A", false),
        ("?p=b&q=x&q=a", "q", "a", true),
        ("?q=a+b", "q", "a b", true),
        ("?q=a%20b", "q", "a b", true),
        ("?q=a%2Bb", "q", "a+b", true),
        ("?%71=%61", "q", "a", true),
        ("?a+b=c", "a b", "c", true),
        ("?q=k%C3%B6", "q", "kö", true),
        ("?q=%C3", "q", "~ .", false),
        ("?q=100%", "q", "100%", true),
        ("?q=%4", "q", "%4", true),
        ("?q", "q", "", true),
        ("?q=", "q", "*", true),
        ("?q=a=b", "q", "a=b", true),
        ("?&&", "", "!", true),
        ("?=a", "", "a", true),
        ("?p=q", "q", "!", true),
        ("?q=1", "q", "!", false),
        ("?q=", "q", "~ ^$", true),
        ("?q=17", "q", "~ ^[0-9]+$", true),
        ("", "q", "!", true),
        ("", "q", "*", false),
    ] {
        let condition =
            Condition { query: vec![(name.into(), pattern.parse().unwrap())], ..Condition::default() };
        assert_eq!(condition.holds(&request(&format!("/{query}"))), holds, "{query} {name}: {pattern}");
    }
}

#[test]
fn what_is_not_a_value_is_told_the_remedy() {
    assert_eq!("!beta".parse::<ValuePattern>(), Err(ValuePatternError::Bang));
    assert_eq!("~beta".parse::<ValuePattern>(), Err(ValuePatternError::Tilde));
    assert!("~ [".parse::<ValuePattern>().is_err());
}

#[test]
fn a_pattern_grows_to_its_limit_and_not_past_it() {
    assert!(format!("~ ^{}$", "a".repeat(500)).parse::<PathPattern>().is_ok());
    assert!(format!("~ ^{}$", "a".repeat(crate::limits::PATTERN_SIZE_MAX)).parse::<PathPattern>().is_err());
}

#[test]
fn one_of_each_list_and_all_of_what_is_asked() {
    let parse = |paths: &[&str]| paths.iter().map(|path| path.parse().unwrap()).collect();
    let asked = Condition {
        hosts: vec!["a.example".parse().unwrap(), "*.example".parse().unwrap()],
        paths: parse(&["/a", "/b/*"]),
        methods: vec![Method::POST, Method::GET],
        headers: vec![(HeaderName::from_static("x-beta"), ValuePattern::Present)],
        query: vec![("q".to_owned(), ValuePattern::Absent)],
    };
    assert!(asked.holds(&request("/b/c")) && !asked.is_always());
    assert!(!asked.holds(&request("/c")));
    assert!(!asked.holds(&request("/b/c?q")));
    assert!(!Condition { methods: vec![Method::HEAD], ..asked.clone() }.holds(&request("/a")));
    assert!(!Condition { hosts: vec!["a.example".parse().unwrap()], ..asked.clone() }.holds(&request("/a")));
    assert!(
        !Condition { headers: vec![(HeaderName::from_static("x-beta"), ValuePattern::Absent)], ..asked }
            .holds(&request("/a"))
    );
    assert!(Condition::default().holds(&request("/")) && Condition::default().is_always());
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(text in "(\\*\\.)?[a-zA-Z.:*/%2fFe~ ;ö!-]{0,9}(/\\*)?") {
        if let Ok(pattern) = text.parse::<HostPattern>() {
            prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
        for text in [text.clone(), format!("/{text}"), format!("~ {text}")] {
            if let Ok(pattern) = text.parse::<PathPattern>() {
                prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
            }
            if let Ok(pattern) = text.parse::<ValuePattern>() {
                prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
            }
        }
    }

    #[test]
    fn a_spelling_is_spelled_so_already(path in "/([a-c/.;*%\\\\ö]|%[26][0-9a-f]|%5[cC]|%C3){0,12}") {
        if let Some(spelled) = canonical::path(&path) {
            prop_assert_eq!(canonical::path(&spelled), Some(spelled.clone()));
            prop_assert!(spelled.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    /// Encoding any byte of a path, but for the few that mean something else when they are encoded, changes nothing.
    #[test]
    fn encoding_changes_nothing(path in "/[ -~]{0,12}", encoded in proptest::collection::vec(any::<bool>(), 13)) {
        let encode = |(byte, encode): (u8, &bool)| match byte {
            b'%' | b';' | b'?' | b'#' => "x".to_owned(),
            _ if *encode => format!("%{byte:02x}"),
            _ => char::from(byte).to_string(),
        };
        let plain: String = path.bytes().zip(&[false; 13]).map(encode).collect();
        let other: String = path.bytes().zip(&encoded).map(encode).collect();
        prop_assert_eq!(canonical::path(&plain), canonical::path(&other));
    }
}
