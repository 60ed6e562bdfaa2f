//! Configurations with many tenants, or with many routes: as large as one asks for, the same every time.

mod visit; // whether a tenant is served by its own filters

use std::fmt::Write as _;

use serde_json::Value;

use crate::setup::Surroundings;

pub(crate) use visit::{Visit, check};

/// So many tenants, each with ten filters from five modules, two hosts, two clusters and four routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenants(pub(crate) usize);

/// One of them, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenant(pub(crate) usize);

impl Tenants {
    pub(crate) fn all(self) -> impl DoubleEndedIterator<Item = Tenant> {
        (0..self.0).map(Tenant)
    }

    /// The whole of it.
    pub(crate) fn configuration(self, around: &Surroundings<'_>) -> String {
        let mut text = beginning(around);
        for section in SECTIONS {
            text += section;
            self.all().for_each(|tenant| text += &tenant.section(section, around));
        }
        text
    }
}

impl Tenant {
    pub(crate) fn name(self) -> String {
        format!("t{:05}", self.0)
    }

    pub(crate) fn host(self) -> String {
        format!("{}.example", self.name())
    }

    /// The countries whose visitors `dispatch` sends north.
    pub(crate) fn near(self) -> [&'static str; 2] {
        [country(self.0), country(self.0 + 3)]
    }

    /// What it has in that section.
    fn section(self, section: &str, around: &Surroundings<'_>) -> String {
        let (_, rest) = TENANT.split_once(section).unwrap_or_default();
        let end = SECTIONS.iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
        let mut hosts = format!("{0}, www.{0}", self.host());
        if self.0 == 0 {
            // Where the visitors of all studies go.
            hosts += ", shop.example";
        }
        let [near, nearer] = self.near();
        let own = [
            ("name", self.name()),
            ("hosts", hosts),
            ("near", near.to_owned()),
            ("nearer", nearer.to_owned()),
            ("far", country(self.0 + 5).to_owned()),
            ("farther", country(self.0 + 8).to_owned()),
            ("weight", (self.0 % 99 + 1).to_string()),
            ("days", (self.0 % 60 + 1).to_string()),
            ("tenth", (self.0 % 9 + 1).to_string()),
            ("number", self.0.to_string()),
            ("preset", if self.0.is_multiple_of(3) { "recommended" } else { "strict" }.to_owned()),
            ("north", around.north.to_string()),
            ("south", around.south.to_string()),
        ];
        let text = rest.get(..end).unwrap_or_default().to_owned();
        own.into_iter().fold(text, |text, (what, value)| text.replace(&format!("@{what}@"), &value))
    }
}

/// So many routes of hosts with a hundred each, and no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routes(pub(crate) usize);

impl Routes {
    pub(crate) fn configuration(self, around: &Surroundings<'_>) -> String {
        let mut text = beginning(around);
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "clusters: {{ south: {{ endpoints: [\"{}\"] }} }}\nroutes:", around.south);
        for number in 0..self.0 {
            let (host, path) = self.place(number);
            let _ = writeln!(
                text,
                "  - name: r{number}\n    when: {{ host: {host}, path: {path}/* }}\n    to: south"
            );
        }
        text
    }

    /// The host and the path of a route.
    pub(crate) fn place(self, number: usize) -> (String, String) {
        (
            format!("h{:05}.example", number / 100),
            format!("/section-{}/part-{}", number / 10 % 10, number % 10),
        )
    }
}

/// What is the same for all.
fn beginning(around: &Surroundings<'_>) -> String {
    let quoted = |path: String| Value::from(path).to_string();
    let mut text = format!(
        "listeners: [{{ bind: \"127.0.0.1:0\", trust: [127.0.0.0/8] }}]
admin: {{ bind: \"127.0.0.1:0\" }}
workers: 1
access_log: off
cache: {}
geo: {{ database: {} }}
modules:
",
        quoted(around.cache.display().to_string()),
        quoted(around.database.display().to_string()),
    );
    for module in MODULES {
        let file = format!("file:{}", around.filters.join(module).with_extension("wasm").display());
        let _ = writeln!(text, "  {module}: {}", quoted(file));
    }
    text
}

fn country(number: usize) -> &'static str {
    COUNTRIES.get(number % COUNTRIES.len()).copied().unwrap_or_default()
}

const MODULES: [&str; 5] = ["geo", "ab", "route", "headers", "small"];
const TENANT: &str = include_str!("tenants/tenant.yaml");
const SECTIONS: [&str; 3] = ["\nfilters:\n", "\nclusters:\n", "\nroutes:\n"];
const COUNTRIES: [&str; 12] = ["SE", "NO", "DE", "GB", "FR", "US", "JP", "AU", "DK", "FI", "IT", "ES"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn around() -> Surroundings<'static> {
        Surroundings {
            north: "127.0.0.1:1001".parse().unwrap(),
            south: "127.0.0.1:1002".parse().unwrap(),
            filters: Path::new("/filters"),
            database: Path::new("/geo.mmdb"),
            cache: Path::new("/cache"),
        }
    }

    fn read(text: &str) -> edgeloom_testbed::Configuration {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edge.yaml");
        std::fs::write(&file, text).unwrap();
        edgeloom_testbed::Configuration::read(&file).unwrap_or_else(|report| panic!("{report}"))
    }

    #[test]
    fn each_tenant_has_ten_filters_of_its_own_and_every_one_of_them_is_in_a_chain() {
        let text = Tenants(30).configuration(&around());
        assert_eq!(text, Tenants(30).configuration(&around()));
        assert!(!text.contains('@'), "{text}");
        let configuration = read(&text);
        let meant = configuration.meant();
        assert_eq!((meant.filters.len(), meant.routes.len(), meant.clusters.len()), (300, 120, 60));
        let modules: BTreeSet<_> = meant.filters.iter().map(|filter| filter.module).collect();
        assert_eq!(modules.len(), 5);
        let called: BTreeSet<_> =
            meant.routes.iter().flat_map(|route| &route.chain).map(|link| link.filter.index()).collect();
        assert_eq!(called.len(), 300);
        let settings: BTreeSet<_> =
            meant.filters.iter().map(|filter| (filter.module, filter.settings.to_string())).collect();
        assert_eq!(settings.len(), 300, "no two filters have the same settings");
    }

    #[test]
    fn routes_are_as_many_as_asked_for_and_no_two_for_the_same_requests() {
        // That would be refused.
        let configuration = read(&Routes(1234).configuration(&around()));
        assert_eq!(configuration.meant().routes.len(), 1234);
        assert!(configuration.meant().filters.is_empty());
    }
}
