//! One word for one thing, and nothing that only one of us understands.

use std::path::Path;

use super::{Problem, Text};

/// Words that the glossary turns down, with the one that it wants; where nothing else can be meant.
const TURNED_DOWN: &[(&[&str], &str)] = &[
    (&["plugin"], "module or filter"),
    (&["middleware"], "filter"),
    (&["backend"], "cluster or endpoint"),
    (&["frontend"], "listener"),
    (&["entrypoint"], "listener"),
    (&["hostcall"], "host call"),
    (&["virtual", "host"], "route"),
    (&["pipeline"], "chain"),
    (&["capability"], "grant"),
    (&["capabilities"], "grants"),
    (&["synthetic", "response"], "answer"),
    (&["local", "response"], "answer"),
    (&["direct", "response"], "answer"),
    (&["exception"], "fault"),
];

/// Pingora's words, which stay at its border.
const PINGORAS: &[(&[&str], &str)] = &[(&["session"], "exchange"), (&["ctx"], "exchange")];

/// Names that others have given.
const FOREIGN: &[&str] = &["get_plugin_configuration", "set_hostcall_fuel"];

/// Where our own words are defined, quoted and checked.
const ABOUT_WORDS: &str = "proxy/xtask/";

pub(super) fn problems(texts: &[Text], root: &Path) -> Vec<Problem> {
    let root = root.to_string_lossy();
    let mut problems = Vec::new();
    for text in texts {
        for (number, line) in text.content.lines().enumerate() {
            let place = || format!("{}:{}", text.path, number + 1);
            let turned_down = turned_down(&text.path, line);
            problems
                .extend(turned_down.map(|(word, wanted)| {
                    Problem::new(place(), format!("`{word}` is called {wanted} here"))
                }));
            problems.extend(private(&text.path, line, &root).map(|what| Problem::new(place(), what)));
        }
    }
    problems
}

/// The first word of the line that is not the glossary's, and the one that is.
fn turned_down(path: &str, line: &str) -> Option<(String, &'static str)> {
    let is_source = path.ends_with(".rs") && path.contains("/src/") && !path.starts_with(ABOUT_WORDS);
    if !is_source {
        return None;
    }
    // TLS has sessions, too, and they are called so by everybody.
    let sees_pingora =
        path.starts_with("proxy/server/") || !path.starts_with("proxy/") || path.contains("/tls");
    let pingoras = if sees_pingora { &[][..] } else { PINGORAS };
    let ours = FOREIGN.iter().fold(line.to_owned(), |line, name| line.replace(name, " "));
    // What belongs to one phrase or name: `direct::Response` is two.
    let parts = ours.split(|letter: char| !letter.is_alphanumeric() && !" _-".contains(letter));
    let said: Vec<_> = parts.map(words).collect();
    let is_said = |phrase: &[&str]| {
        let mut places = said.iter().flat_map(|part| part.windows(phrase.len()));
        places.any(|words| words.iter().zip(phrase).all(|(said, word)| is(said, word)))
    };
    let (phrase, wanted) = TURNED_DOWN.iter().chain(pingoras).find(|(phrase, _)| is_said(phrase))?;
    Some((phrase.join(" "), *wanted))
}

fn is(said: &str, word: &str) -> bool {
    said == word || said.strip_suffix('s') == Some(word)
}

/// The words of prose and of names alike: `HostPlugins` and `host_plugins` are both two.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for letter in line.chars() {
        let begins = letter.is_uppercase() && previous.is_lowercase() || !letter.is_alphanumeric();
        if begins {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What nobody else can look up: a folder of the machine this is checked on, or an issue by its number.
fn private(path: &str, line: &str, root: &str) -> Option<String> {
    if path.starts_with(ABOUT_WORDS) || path == "Cargo.lock" {
        return None;
    }
    let homes = [root, "/root/", "/home/", "/Users/"];
    if let Some(folder) = homes.iter().find(|folder| folder.len() > 1 && line.contains(**folder)) {
        return Some(format!("names a folder of somebody's machine ({folder})"));
    }
    let said = words(line);
    let cites = said.windows(2).find(|pair| {
        let [word, number] = pair else { return false };
        ["issue", "ticket"].contains(&word.as_str()) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    cites.map(|pair| format!("cites `{}`, which not everybody can read: say what it says", pair.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "proxy/core/src/a.rs";

    fn check(path: &str, line: &str, expected: Option<&str>) {
        assert_eq!(turned_down(path, line).map(|(_, wanted)| wanted), expected, "{line}");
    }

    #[test]
    fn names_and_prose_are_the_same_words() {
        assert_eq!(
            words("let hostCalls = HOST_CALLS; // host-calls"),
            ["let", "host", "calls", "host", "calls", "host", "calls"]
        );
    }

    #[test]
    fn words_that_the_glossary_turns_down_are_found() {
        check(FILE, "struct PluginHost;", Some("module or filter"));
        check(FILE, "fn load_plugins() {}", Some("module or filter"));
        check(FILE, "/// Picks a virtual host.", Some("route"));
        check(FILE, "fn virtual_hosts()", Some("route"));
        check(FILE, "/// Picks a route of this host.", None);
        check(FILE, "fn direct_response()", Some("answer"));
        check(FILE, "let phase = direct.response;", None);
        check(FILE, "let unplugin = 1;", None);
        check(FILE, "store.set_hostcall_fuel(HOSTCALLS)", Some("host call"));
        check(FILE, "store.set_hostcall_fuel(1)", None);
    }

    #[test]
    fn pingoras_words_stay_at_its_border() {
        check("proxy/server/src/way.rs", "session: &mut Session", None);
        check("proxy/host/src/call.rs", "session: &mut Session", Some("exchange"));
        check("filters/ab/src/lib.rs", "the session cookie", None);
        check("proxy/testbed/src/tls.rs", "an earlier session went on", None);
    }

    #[test]
    fn only_our_own_source_is_asked() {
        check("README.md", "not a plugin", None);
        check("proxy/xtask/src/tidy/words.rs", "plugin", None);
    }

    #[test]
    fn what_nobody_else_can_look_up_is_found() {
        let found = |line| private("README.md", line, "/srv/clone").is_some();
        assert!(found("see /srv/clone/config"));
        assert!(found("in /home/ann/edge"));
        assert!(found("// as in issue #12"));
        assert!(!found("// the issue with 12 of them"));
        assert!(!found("/var/cache/edgeloom"));
    }
}
