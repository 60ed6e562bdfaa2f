use std::borrow::Cow;

use super::{Look, PathPattern, PatternError, Seed, Source, ValuePattern};
use crate::settings::{Fields, OneOrMany, Path, SettingsError, Value};
use crate::{Country, HeaderName, Settings};

/// What must hold of a request: all of it. The default holds always.
///
/// ```yaml
/// host: [shop.example, "*.shop.example"]
/// path: [/cart/*, "/p/{id}"]
/// method: [GET, HEAD]
/// country: [SE, "NO"]
/// continent: EU
/// region: [SE-AB, SE-M]
/// headers: { x-beta: "1" }
/// query: { debug: "*" }
/// cookies: { plan: [gold, platinum] }
/// facts: { ab.checkout: green }
/// share: { percent: 10, of: [cookie.uid, client.network], seed: canary }
/// ```
///
/// Where several texts are given for one thing, any of them will do. Paths are [`PathPattern`]s, the
/// others [`ValuePattern`]s. Countries, continents and regions are those that the `geo` filter found;
/// an unknown one is none of those given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    paths: Vec<PathPattern>,
    values: Vec<(Source, Vec<ValuePattern>)>,
    regions: Vec<Region>,
    share: Option<Share>,
}

impl Condition {
    /// Whether all of it holds.
    #[must_use]
    pub fn holds<'r>(&'r self, look: &mut Look<'r>) -> bool {
        self.has_path(look)
            && self.values.iter().all(|(source, patterns)| {
                let value = look.value(source);
                patterns.iter().any(|pattern| pattern.matches(value.as_deref()))
            })
            && (self.regions.is_empty() || self.regions.iter().any(|region| region.holds(look)))
            && self.share.as_ref().is_none_or(|share| share.holds(look))
    }

    /// The paths of which the request's has to be one; none where any will do.
    #[must_use]
    pub fn paths(&self) -> &[PathPattern] {
        &self.paths
    }

    fn has_path(&self, look: &mut Look<'_>) -> bool {
        let one_of = |path: Cow<'_, str>| self.paths.iter().any(|pattern| pattern.matches(&path));
        self.paths.is_empty() || look.text(&Source::Path).is_some_and(one_of)
    }
}

/// A share of all visitors: the same ones on every node, for as long as the seed is the same.
///
/// A visitor is known by the first of `of` that the request has; one that has none of them is not in
/// the share. Shares of one seed nest and, with `from`, lie side by side; those of different seeds
/// are independent of each other.
#[derive(Debug, Clone, PartialEq, Settings)]
#[settings(from = WrittenShare)]
pub struct Share {
    seed: Seed,
    of: Vec<Source>,
    from: f64,
    to: f64,
}

impl Share {
    /// Whether this visitor is in it.
    #[must_use]
    pub fn holds<'r>(&'r self, look: &mut Look<'r>) -> bool {
        let bucket = look.bucket(self.seed, &self.of);
        bucket.is_some_and(|bucket| (self.from..self.to).contains(&bucket))
    }
}

#[derive(Settings)]
struct WrittenShare {
    percent: f64,
    of: OneOrMany<Source>,
    seed: String,
    #[settings(default)]
    from: f64,
}

impl TryFrom<WrittenShare> for Share {
    type Error = &'static str;

    fn try_from(written: WrittenShare) -> Result<Self, Self::Error> {
        let WrittenShare { percent, of, seed, from } = written;
        if !(percent > 0.0 && from >= 0.0 && from + percent <= 100.0) {
            return Err("a share is more than 0 percent and, with what it starts from, at most 100");
        }
        if of.is_empty() {
            return Err("nothing to know visitors by under `of`");
        }
        Ok(Self { seed: Seed::new(&seed), of: of.0, from: from / 100.0, to: (from + percent) / 100.0 })
    }
}

/// A region within its country: `SE-AB`.
#[derive(Debug, Clone, PartialEq, Settings)]
#[settings(from = String)]
struct Region {
    country: Country,
    region: Box<str>,
}

impl Region {
    fn holds(&self, look: &mut Look<'_>) -> bool {
        look.value(&COUNTRY).as_deref() == Some(self.country.as_str().as_bytes())
            && look.value(&REGION).as_deref() == Some(self.region.as_bytes())
    }
}

impl TryFrom<String> for Region {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let parts = code.split_once('-').filter(|(_, region)| (1..=3).contains(&region.len()));
        let region = parts.and_then(|(country, region)| Some((country.parse().ok()?, region.into())));
        region
            .map(|(country, region)| Self { country, region })
            .ok_or("wanted a region as in ISO 3166-2, like SE-AB")
    }
}

static COUNTRY: Source = Source::Fact(Cow::Borrowed("geo.country"));
static CONTINENT: Source = Source::Fact(Cow::Borrowed("geo.continent"));
static REGION: Source = Source::Fact(Cow::Borrowed("geo.region"));

/// By hand: a derive for a dozen lists of much the same would triple the size of a small filter.
impl Settings for Condition {
    const WANTED: &'static str = "a map of conditions";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        Fields::open(value, at, &KNOWN)?;
        let mut condition = Self::default();
        for (name, value) in entries(value) {
            let at = &at.field(name);
            match &**name {
                "path" => condition.paths = OneOrMany::read(value, at)?.0,
                "region" => condition.regions = OneOrMany::read(value, at)?.0,
                "share" => condition.share = Some(Share::read(value, at)?),
                "host" => condition.ask(Source::Host, value, at, host)?,
                "method" => condition.ask(Source::Method, value, at, any)?,
                "country" => condition.ask(COUNTRY.clone(), value, at, country)?,
                "continent" => condition.ask(CONTINENT.clone(), value, at, continent)?,
                family => {
                    for (name, value) in map(value, at)? {
                        let source = match family {
                            "headers" => Source::Header(HeaderName::read(&Value::Text(name.clone()), at)?),
                            "query" => Source::Parameter(name.clone().into_owned().into()),
                            "cookies" => Source::Cookie(name.clone().into_owned().into()),
                            _ => Source::Fact(name.clone().into_owned().into()),
                        };
                        condition.ask(source, value, &at.field(name), any)?;
                    }
                }
            }
        }
        Ok(condition)
    }
}

const KNOWN: [&str; 11] = [
    "host",
    "path",
    "method",
    "country",
    "continent",
    "region",
    "headers",
    "query",
    "cookies",
    "facts",
    "share",
];

impl Condition {
    /// This source has to be one of these, of which each is checked.
    fn ask(
        &mut self,
        source: Source,
        value: &Value<'_>,
        at: &Path<'_>,
        pattern: fn(&str) -> Result<ValuePattern, String>,
    ) -> Result<(), SettingsError> {
        let one = |value, at: &Path<'_>| {
            pattern(&String::read(value, at)?).map_err(|problem| SettingsError::new(at, problem))
        };
        let patterns = match value {
            Value::List(items) if items.is_empty() => {
                return Err(SettingsError::new(
                    at,
                    "an empty list holds for no request: write `\"*\"` for any value, `\"!\"` for none",
                ));
            }
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| one(item, &at.item(index)))
                .collect::<Result<_, _>>()?,
            value => vec![one(value, at)?],
        };
        self.values.push((source, patterns));
        Ok(())
    }
}

fn any(text: &str) -> Result<ValuePattern, String> {
    text.parse().map_err(|error: PatternError| error.to_string())
}

/// Hosts are compared in lower case.
fn host(text: &str) -> Result<ValuePattern, String> {
    any(&text.to_ascii_lowercase())
}

fn country(code: &str) -> Result<ValuePattern, String> {
    let known = code.parse::<Country>();
    known.map_or_else(
        |illegal| Err(illegal.to_string()),
        |country| Ok(ValuePattern::Exact(country.as_str().into())),
    )
}

fn continent(code: &str) -> Result<ValuePattern, String> {
    let known = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"].contains(&code);
    if known {
        Ok(ValuePattern::Exact(code.into()))
    } else {
        Err("wanted AF, AN, AS, EU, NA, OC or SA".into())
    }
}

fn entries<'v, 'j>(value: &'v Value<'j>) -> &'v [(Cow<'j, str>, Value<'j>)] {
    if let Value::Map(entries) = value { entries } else { &[] }
}

fn map<'v, 'j>(
    value: &'v Value<'j>,
    at: &Path<'_>,
) -> Result<&'v [(Cow<'j, str>, Value<'j>)], SettingsError> {
    if let Value::Map(entries) = value {
        Ok(entries)
    } else {
        Err(SettingsError::unexpected(at, value, "a map"))
    }
}
