//! The settings, as the operator writes them.

use edgeloom_sdk::settings::Ordered;
use edgeloom_sdk::{HeaderName, Settings};

use crate::Geo;
use crate::denial::Denial;
use crate::family::{CLOUDFLARE, CLOUDFRONT, Family, NONE, OWN};
use crate::field::Field;
use crate::screen::{List, Screen};

#[derive(Settings)]
pub(crate) struct Written {
    #[settings(default)]
    headers: Headers,
    /// Names for single fields, beside or in place of those of the family.
    #[settings(default)]
    names: Ordered<Field, HeaderName>,
    /// Fields of the family that are not sent; that they come from the client is still prevented.
    #[settings(default)]
    without: Vec<Field>,
    /// In place of the family's own.
    encoding: Option<Encoding>,
    #[settings(default = FACTS.to_vec())]
    facts: Vec<Field>,
    allow: Option<List>,
    deny: Option<List>,
    #[settings(default)]
    unknown: Unknown,
    #[settings(default)]
    report_only: bool,
    #[settings(default)]
    answer: Denial,
}

/// What routing, experiments and reports usually go by: an access log need not know where people live.
const FACTS: [Field; 7] =
    [Field::Country, Field::Region, Field::City, Field::Continent, Field::Asn, Field::Eu, Field::TimeZone];

#[derive(Clone, Copy, Default, Settings)]
enum Headers {
    #[default]
    Own,
    Cloudflare,
    Cloudfront,
    None,
}

impl Headers {
    fn family(self) -> Family {
        match self {
            Self::Own => OWN,
            Self::Cloudflare => CLOUDFLARE,
            Self::Cloudfront => CLOUDFRONT,
            Self::None => NONE,
        }
    }
}

/// How text outside ASCII is written.
#[derive(PartialEq, Settings)]
enum Encoding {
    Percent,
    #[settings(rename = "utf-8")]
    Utf8,
}

/// What becomes of clients of whom the database does not know what a list asks.
#[derive(Default, PartialEq, Settings)]
enum Unknown {
    #[default]
    Allow,
    Deny,
}

impl TryFrom<Written> for Geo {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let family = written.headers.family();
        let mut headers = Vec::new();
        let mut removed: Vec<HeaderName> = family.removed.iter().copied().cloned().collect();
        for (field, name) in family.names {
            let renamed = written.names.iter().any(|(named, _)| named == field);
            if renamed || written.without.contains(field) {
                removed.push((*name).clone());
            } else {
                headers.push((*field, (*name).clone()));
            }
        }
        headers.extend(written.names.0);
        if let Some((_, name)) = headers.iter().find(|(_, name)| name.is_reserved()) {
            return Err(["the proxy keeps `", name, "` to itself"].concat());
        }
        let same = |name: &HeaderName| headers.iter().filter(|(_, other)| other == name).count();
        if let Some((_, twice)) = headers.iter().find(|(_, name)| same(name) > 1) {
            return Err(["two fields would be sent as `", twice, "`"].concat());
        }
        removed.retain(|name| same(name) == 0);
        Ok(Self {
            removed: removed.into(),
            headers: headers.into(),
            facts: written.facts.into(),
            nowhere: family.nowhere,
            percent: written.encoding.map_or(family.percent, |encoding| encoding == Encoding::Percent),
            screen: Screen {
                allow: written.allow,
                deny: written.deny,
                deny_unknown: written.unknown == Unknown::Deny,
            },
            report_only: written.report_only,
            denial: written.answer,
        })
    }
}
