//! What must be true of counts with any compiler, because it follows from how the pieces are built.

use super::Counted;

/// One piece takes at most so many hundredths of what another takes.
struct Law {
    package: &'static str,
    piece: &'static str,
    hundredths: u64,
    of: &'static str,
    because: &'static str,
}

/// Each with room for a bad day of the hashes.
const LAWS: &[Law] = &[
    of_size("route/exact path, of 100000", "route/exact path, of 10"),
    of_size("route/prefix, of 100000", "route/prefix, of 10"),
    of_size("route/pattern, of 100000", "route/pattern, of 10"),
    of_size("route/any path, of 100000", "route/any path, of 10"),
    of_size("route/wildcard host, of 100000", "route/wildcard host, of 10"),
    of_size("route/no route, of 100000", "route/no route, of 10"),
    of_size("route/prefix of one host, of 100000", "route/prefix of one host, of 10"),
    of_size("route/no prefix of one host, of 100000", "route/no prefix of one host, of 10"),
    Law {
        package: "edgeloom-core",
        piece: "head/commit four edits",
        hundredths: 25,
        of: "head/take four edits back",
        because: "a call that succeeds must not pay for those that fail",
    },
    Law {
        package: "edgeloom-host",
        piece: "host call/country",
        hundredths: 70,
        of: "host call/locate",
        because: "the contract promises that `country` is cheaper",
    },
    cheaper("call/headers, reuse", "call/headers, fresh", "a warm instance is not put back"),
    cheaper("call/geo, reuse", "call/geo, fresh", "a warm instance is not put back"),
    cheaper(
        "call/headers, fresh",
        "call/headers as a component, fresh",
        "driving guests directly would not be worth its code",
    ),
    cheaper(
        "call/headers, reuse",
        "call/headers as a component, reuse",
        "driving guests directly would not be worth its code",
    ),
    at_least_a_twentieth_more("edgeloom-core"),
    at_least_a_twentieth_more("edgeloom-host"),
];

const fn of_size(piece: &'static str, of: &'static str) -> Law {
    let because = "routes are looked up, not tried in turn";
    Law { package: "edgeloom-core", piece, hundredths: 125, of, because }
}

const fn cheaper(piece: &'static str, of: &'static str, because: &'static str) -> Law {
    Law { package: "edgeloom-host", piece, hundredths: 100, of, because }
}

/// A control: were a tenth more of the same work not seen here, no other count could be believed.
const fn at_least_a_twentieth_more(package: &'static str) -> Law {
    Law {
        package,
        piece: "control/the same work",
        hundredths: 95,
        of: "control/a tenth more of it",
        because: "a tenth more of the same work must be seen",
    }
}

/// The laws for the pieces of a package that do not hold, as sentences.
pub(super) fn broken(package: &str, counted: &Counted) -> Vec<String> {
    LAWS.iter().filter(|law| law.package == package).filter_map(|law| law.is_broken(counted)).collect()
}

impl Law {
    fn is_broken(&self, counted: &Counted) -> Option<String> {
        let Self { piece, hundredths, of, because, .. } = self;
        let (Some(found), Some(base)) = (counted.get(*piece), counted.get(*of)) else {
            return Some(format!("there is a law on `{piece}` and `{of}`, but no two such pieces"));
        };
        let broken = found.saturating_mul(100) > base.saturating_mul(*hundredths);
        broken.then(|| {
            format!(
                "`{piece}` takes {found} instructions, `{of}` {base}: more than {hundredths} % ({because})"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces for which all laws hold, and then these.
    fn counted(others: &[(&str, u64)]) -> Counted {
        let hold = LAWS.iter().flat_map(|law| [(law.of, 1000), (law.piece, 10 * law.hundredths.min(90))]);
        let mut counted = Counted::new();
        for (name, count) in hold {
            // A piece may be on either side of laws; the cheaper count is that of the piece.
            let known = counted.entry(name.to_owned()).or_insert(count);
            *known = count.min(*known);
        }
        counted.extend(others.iter().map(|(name, count)| ((*name).to_owned(), *count)));
        counted
    }

    #[test]
    fn a_lookup_that_becomes_a_search_is_told() {
        let slow = counted(&[("route/exact path, of 10", 700), ("route/exact path, of 100000", 900)]);
        assert_eq!(
            broken("edgeloom-core", &slow),
            ["`route/exact path, of 100000` takes 900 instructions, `route/exact path, of 10` 700: \
                 more than 125 % (routes are looked up, not tried in turn)"]
        );
        let quick = counted(&[("route/exact path, of 10", 700), ("route/exact path, of 100000", 800)]);
        assert!(broken("edgeloom-core", &quick).is_empty());
    }

    #[test]
    fn counts_that_see_no_difference_are_told() {
        let blind = counted(&[("control/the same work", 1), ("control/a tenth more of it", 1)]);
        assert_eq!(broken("edgeloom-host", &blind).len(), 1);
    }

    #[test]
    fn a_law_on_what_is_not_there_is_told() {
        let mut counted = counted(&[]);
        counted.remove("host call/locate");
        assert_eq!(
            broken("edgeloom-host", &counted),
            ["there is a law on `host call/country` and `host call/locate`, but no two such pieces"]
        );
    }
}
