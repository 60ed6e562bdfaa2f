//! Where visitors come from: addresses out of the ranges of a geo database.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use maxminddb::{Reader, WithinOptions};
use serde::Deserialize;

/// Every range of a database of IPv4 addresses in the flat layout of DB-IP's city database.
pub(crate) struct Atlas {
    reader: Reader<Vec<u8>>,
    ranges: Vec<(Ipv4Addr, u8)>,
}

/// A visitor's address, and what the database knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: Ipv4Addr,
    pub(crate) country: Option<String>,
    pub(crate) city: Option<String>,
}

#[derive(Deserialize)]
struct Record<'d> {
    country_code: Option<&'d str>,
    city: Option<&'d str>,
}

impl Atlas {
    pub(crate) fn open(database: &Path) -> Result<Self> {
        let unreadable = || format!("{} can not be read as a geo database", database.display());
        let reader = Reader::open_readfile(database).with_context(unreadable)?;
        let all = "0.0.0.0/0".parse().context("all addresses are no network")?;
        let mut ranges = Vec::new();
        for found in reader.within(all, WithinOptions::default()).with_context(unreadable)? {
            let network = found.and_then(|found| found.network()).with_context(unreadable)?;
            if let IpAddr::V4(first) = network.network() {
                ranges.push((first, network.prefix()));
            }
        }
        ensure!(!ranges.is_empty(), "{} knows no IPv4 address", database.display());
        Ok(Self { reader, ranges })
    }

    pub(crate) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// What the database knows about an address.
    pub(crate) fn look_up(&self, address: Ipv4Addr) -> Result<Place> {
        let found = self.reader.lookup(address.into()).context("the geo database is damaged")?;
        let record: Option<Record<'_>> =
            found.decode().context("the geo database is not in the flat layout")?;
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Place {
            address,
            country: text(record.as_ref().and_then(|record| record.country_code)),
            city: text(record.as_ref().and_then(|record| record.city)),
        })
    }

    /// So many places, the same for the same seed; every fourth of them in the north.
    ///
    /// Every range is as likely as any other, however large it is: a look-up that goes deep is as
    /// frequent as the database has them.
    pub(crate) fn draw(&self, seed: u64, count: usize) -> Result<Vec<Place>> {
        let mut random = Rng::with_seed(seed);
        (0..count).map(|turn| self.find(&mut random, turn % 4 == 0)).collect()
    }

    /// A place in the north, or in the south, that has a city with a plain name.
    fn find(&self, random: &mut Rng, northern: bool) -> Result<Place> {
        for _try in 0..TRIES {
            let Some((first, prefix)) = random.choice(&self.ranges) else { break };
            let size = 1_u64 << 32_u8.saturating_sub(*prefix);
            let address = u32::try_from(u64::from(u32::from(*first)) + random.u64(..size));
            let place = self.look_up(address.context("a range ends outside of IPv4")?.into())?;
            if place.is_usable() && place.is_northern() == northern {
                return Ok(place);
            }
        }
        anyhow::bail!(
            "the geo database has hardly a city in the {}",
            if northern { "north" } else { "south" }
        )
    }
}

impl Place {
    /// Where the `route` filter of the four-part job sends visitors to the cluster `north`.
    pub(crate) fn is_northern(&self) -> bool {
        self.country.as_deref().is_some_and(|country| NORTH.contains(&country))
    }

    /// Of the internet, and told in headers as it is: who writes other letters how is not what is measured.
    fn is_usable(&self) -> bool {
        let plain = |text: &Option<String>| text.as_ref().is_some_and(|text| text.is_ascii());
        let outside =
            !(self.address.is_private() || self.address.is_loopback() || self.address.is_link_local());
        outside && plain(&self.country) && plain(&self.city)
    }
}

/// As in `scenarios/edge4.yaml`.
pub(crate) const NORTH: [&str; 5] = ["DK", "FI", "IS", "NO", "SE"];

/// One range in fifty is in the north.
const TRIES: usize = 20_000;

#[cfg(test)]
mod tests {
    use edgeloom_testbed::geo;

    use super::*;

    fn atlas() -> Atlas {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("geo.mmdb");
        geo::write(geo::Layout::Flat, &file).unwrap();
        Atlas::open(&file).unwrap()
    }

    #[test]
    fn places_are_drawn_the_same_for_the_same_seed_and_some_from_the_north() {
        let atlas = atlas();
        let drawn = atlas.draw(7, 8).unwrap();
        assert_eq!(drawn, atlas.draw(7, 8).unwrap());
        assert_ne!(drawn, atlas.draw(8, 8).unwrap());
        let northern: Vec<_> = drawn.iter().map(Place::is_northern).collect();
        assert_eq!(northern, [true, false, false, false, true, false, false, false]);
    }

    #[test]
    fn a_place_is_what_the_database_says() {
        let atlas = atlas();
        let place = atlas.look_up(Ipv4Addr::new(192, 0, 2, 7)).unwrap();
        assert_eq!((place.country.as_deref(), place.city.as_deref()), (Some("SE"), Some("Stockholm")));
        let nowhere = atlas.look_up(Ipv4Addr::new(10, 1, 2, 3)).unwrap();
        assert_eq!((nowhere.country, nowhere.city), (None, None));
    }

    #[test]
    fn what_is_no_database_is_named() {
        let error = Atlas::open(Path::new("/nonexistent.mmdb")).err().unwrap();
        assert_eq!(error.to_string(), "/nonexistent.mmdb can not be read as a geo database");
    }
}
