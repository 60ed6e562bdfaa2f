use super::*;

fn value(pattern: &str, value: Option<&str>) -> bool {
    pattern.parse::<ValuePattern>().unwrap().matches(value.map(str::as_bytes))
}

#[test]
fn values_are_there_or_not_equal_or_alike() {
    for (pattern, yes, no) in [
        ("*", &[Some(""), Some("a")][..], &[None][..]),
        ("!", &[None], &[Some(""), Some("a")]),
        ("gold", &[Some("gold")], &[None, Some("golden"), Some("Gold"), Some("")]),
        ("", &[Some("")], &[None, Some("a")]),
        ("go*", &[Some("go"), Some("gold")], &[Some("g"), Some("ago")]),
        ("*ld", &[Some("ld"), Some("gold")], &[Some("golds")]),
        ("a*a", &[Some("aa"), Some("aba")], &[Some("a")]),
        ("*o*l*", &[Some("gold"), Some("ol")], &[Some("log"), Some("lo")]),
        ("a**b", &[Some("ab"), Some("a-b")], &[Some("a")]),
        ("a*bc*c", &[Some("abcc"), Some("abbcxc")], &[Some("abc")]),
    ] {
        for text in yes {
            assert!(value(pattern, *text), "{pattern} {text:?}");
        }
        for text in no {
            assert!(!value(pattern, *text), "{pattern} {text:?}");
        }
    }
}

#[test]
fn values_need_not_be_text() {
    assert!("x*".parse::<ValuePattern>().unwrap().matches(Some(b"x\xff")));
}

fn captures<'p>(pattern: &str, path: &'p str) -> Option<Vec<(String, &'p str)>> {
    let pattern: PathPattern = pattern.parse().unwrap();
    let captures = pattern.captures(path);
    assert_eq!(pattern.matches(path), captures.is_some());
    Some(pattern.names().iter().map(|name| name.to_string()).zip(captures?).collect())
}

#[test]
fn paths_are_matched_by_segments() {
    for (pattern, yes, no) in [
        ("/", &["/"][..], &["", "//", "/a"][..]),
        ("/about", &["/about"], &["/about/", "/abou", "/about/us", "/About", "about"]),
        ("/cart/*", &["/cart", "/cart/", "/cart/a", "/cart/a/b"], &["/", "/carts", "/x/cart"]),
        ("/*", &["/", "/a", "//", "*"], &[]),
        ("/p/{id}", &["/p/1"], &["/p", "/p/", "/p/1/", "/p/1/2"]),
        ("/img/*.png", &["/img/a.png", "/img/a.b.png"], &["/img/.png", "/img/a.jpg", "/img/a/b.png"]),
        ("/*/x", &["/a/x"], &["/x", "//x", "/a/b/x"]),
        ("/a//b", &["/a//b"], &["/a/b"]),
    ] {
        for path in yes {
            assert!(captures(pattern, path).is_some(), "{pattern} {path}");
        }
        for path in no {
            assert!(captures(pattern, path).is_none(), "{pattern} {path}");
        }
    }
}

#[test]
fn named_parts_are_captured() {
    let pair = |name: &str, text| (name.to_owned(), text);
    assert_eq!(
        captures("/v{major}/p/{id}.html/*", "/v2/p/a.b.html/x/y"),
        Some(vec![pair("major", "2"), pair("id", "a.b"), pair("*", "x/y")])
    );
    assert_eq!(captures("/cart/*", "/cart"), Some(vec![pair("*", "")]));
}

#[test]
fn what_is_no_pattern_is_told_why() {
    for (written, error) in [
        ("~ ^/p", PatternError::Regex),
        ("p/*", PatternError::NoSlash),
        ("", PatternError::NoSlash),
        ("/a b", PatternError::NoPath),
        ("/å", PatternError::NoPath),
        ("/a?b", PatternError::NoPath),
        ("/{id", PatternError::Unclosed),
        ("/id}", PatternError::Unclosed),
        ("/{a}{b}", PatternError::TwoInOne),
        ("/{a}-*", PatternError::TwoInOne),
        ("/{}", PatternError::Name),
        ("/{Id}", PatternError::Name),
        ("/{id}/{id}", PatternError::Twice),
    ] {
        assert_eq!(written.parse::<PathPattern>(), Err(error), "{written}");
    }
    assert_eq!("~ x".parse::<ValuePattern>(), Err(PatternError::Regex));
}
