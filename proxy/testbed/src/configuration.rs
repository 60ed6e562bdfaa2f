//! A configuration file, made to run elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use edgeloom_config::{Config, Report};

/// A configuration file whose addresses and paths can be exchanged, and that
/// keeps its comments and its order: so that tests run the very file that
/// operators read.
pub struct Configuration {
    text: String,
    file: PathBuf,
    meant: Config,
}

impl Configuration {
    /// # Errors
    ///
    /// Where the file is not a configuration: the report says why.
    pub fn read(file: &Path) -> Result<Self, Report> {
        let meant = edgeloom_config::load(file)?;
        let text = fs::read_to_string(file).unwrap_or_default();
        Ok(Self { text, file: file.to_owned(), meant })
    }

    /// What it says.
    pub fn meant(&self) -> &Config {
        &self.meant
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// With these addresses in place of others, listeners and admin on free ports,
    /// modules from this folder, and this geo database. Give absolute paths, if it is to be
    /// written to another folder.
    ///
    /// # Errors
    ///
    /// Where the result is not a configuration.
    pub fn elsewhere(
        &self,
        moved: &BTreeMap<SocketAddr, SocketAddr>,
        filters: &Path,
        database: &Path,
    ) -> Result<Self, Report> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let own =
            self.meant.listeners.iter().filter_map(|listener| listener.bind.tcp()).chain(self.meant.admin);
        let moved = own.map(|address| (address, free)).chain(moved.iter().map(|(from, to)| (*from, *to)));
        let words = moved.map(|(from, to)| (from.to_string(), to.to_string())).collect::<Vec<_>>();
        let text = replace_words(&self.text, &words);
        let text = replace_values(&text, "file:", |path| match Path::new(path).file_name() {
            Some(name) if path.ends_with(".wasm") => filters.join(name).display().to_string(),
            Some(_) | None => path.to_owned(),
        });
        let text = replace_values(&text, "database: ", |_| database.display().to_string());
        self.with_text(text)
    }

    /// With another text at the same place.
    ///
    /// # Errors
    ///
    /// Where that is not a configuration.
    pub fn with_text(&self, text: String) -> Result<Self, Report> {
        let meant = edgeloom_config::parse(&text, &self.file)?;
        Ok(Self { text, file: self.file.clone(), meant })
    }

    /// Writes it to a file, in place of an old one.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written to.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        crate::edge::replace(file, self.text.as_bytes())
    }
}

/// Exchanges whole words for others, all at once: no exchanged word is exchanged again.
fn replace_words(text: &str, words: &[(String, String)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let inside = result.ends_with(|before: char| before.is_ascii_digit() || before == '.');
        let found = words.iter().find(|(from, _)| {
            !inside
                && rest
                    .strip_prefix(from.as_str())
                    .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit()))
        });
        let (taken, given) = match found {
            Some((from, to)) => (from.len(), to.as_str()),
            None => (next.len_utf8(), rest.get(..next.len_utf8()).unwrap_or_default()),
        };
        result.push_str(given);
        rest = rest.get(taken..).unwrap_or_default();
    }
    result
}

/// Exchanges what follows `key`, up to where a plain YAML scalar in braces would end.
fn replace_values(text: &str, key: &str, exchange: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(key);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |result, part| {
        let end = part.find(|c: char| c.is_whitespace() || ",}\"'".contains(c)).unwrap_or(part.len());
        let (value, after) = part.split_at(end);
        result + key + &exchange(value) + after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_exchanged_as_whole_words_and_once() {
        let words = [("127.0.0.1:80", "127.0.0.1:81"), ("127.0.0.1:81", "127.0.0.1:80")];
        let words = words.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let text = "a: 127.0.0.1:80 # ü 127.0.0.1:8080, 127.0.0.1:81";
        assert_eq!(replace_words(text, &words), "a: 127.0.0.1:81 # ü 127.0.0.1:8080, 127.0.0.1:80");
    }

    #[test]
    fn the_operators_first_example_runs_elsewhere() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/edge.yaml");
        let written = Configuration::read(&file).unwrap();
        let moved = ["127.0.0.1:8101", "127.0.0.1:8102", "127.0.0.1:8103"]
            .map(|from| from.parse().unwrap())
            .map(|from: SocketAddr| (from, SocketAddr::new(from.ip(), from.port() + 1000)));
        let elsewhere =
            written.elsewhere(&moved.into(), Path::new("/filters"), Path::new("/geo.mmdb")).unwrap();

        let meant = elsewhere.meant();
        let ports: Vec<_> =
            meant.clusters.iter().map(|cluster| cluster.endpoints[0].address.ip().unwrap().port()).collect();
        assert_eq!(ports, [9101, 9102, 9103]);
        assert_eq!((meant.listeners[0].bind.tcp().unwrap().port(), meant.admin.unwrap().port()), (0, 0));
        assert_eq!(meant.modules[0].path, Path::new("/filters/geo.wasm"));
        assert_eq!(meant.geo.as_ref().unwrap().database, Path::new("/geo.mmdb"));
        let comments = |text: &str| text.matches("# ").count();
        assert_eq!(comments(elsewhere.text()), comments(written.text()));
    }

    #[test]
    fn values_end_where_a_scalar_ends() {
        let text = "{ from: file:../target/geo.wasm, x: 1 }\ngeo: file:a/b.wasm\n";
        let moved = replace_values(text, "file:", |path| format!("/x/{}", path.len()));
        assert_eq!(moved, "{ from: file:/x/18, x: 1 }\ngeo: file:/x/8\n");
    }
}
