//! The geo database, read without the edge: what the edge's answers are held against.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context, Result};
use maxminddb::{LookupResult, PathElement, Reader, WithinOptions};

/// A database of any layout that the edge reads.
pub(crate) struct Atlas {
    reader: Reader<Vec<u8>>,
}

/// What is known of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) country: Option<String>,
    pub(crate) city: Option<String>,
}

impl Atlas {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let reader = Reader::open_readfile(path);
        Ok(Self { reader: reader.with_context(|| format!("{} is no geo database", path.display()))? })
    }

    pub(crate) fn spot(&self, address: IpAddr) -> Result<Spot> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(Spot::default());
        }
        spot(&self.reader.lookup(address)?)
    }

    /// The first address of a network in this country, of the family asked for.
    pub(crate) fn somewhere_in(&self, country: &str, family: Family) -> Result<Option<IpAddr>> {
        for found in self.reader.networks(WithinOptions::default())? {
            let found = found?;
            let address = found.network()?.network();
            if family.has(address) && is_plain(address) && spot(&found)?.country.as_deref() == Some(country) {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// So many addresses, half of them of each family as far as the database has both: each from a
    /// network drawn evenly from all networks, and drawn evenly from that. The same every time.
    pub(crate) fn draw(&self, count: usize) -> Result<Vec<IpAddr>> {
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut drawn = [Reservoir::new(Family::V4, count), Reservoir::new(Family::V6, count)];
        for found in self.reader.networks(WithinOptions::default())? {
            let network = found?.network()?;
            let address = inside(network.network(), network.prefix(), &mut random);
            for reservoir in &mut drawn {
                reservoir.offer(address, &mut random);
            }
        }
        let [v4, v6] = drawn.map(|reservoir| reservoir.kept);
        let of_v6 = v6.len().min((count / 2).max(count.saturating_sub(v4.len())));
        let of_v4 = v4.len().min(count - of_v6);
        Ok(v4.into_iter().take(of_v4).chain(v6.into_iter().take(of_v6)).collect())
    }
}

fn spot(found: &LookupResult<'_, Vec<u8>>) -> Result<Spot> {
    let text = |path: &[&'static str]| -> Result<Option<String>> {
        let path: Vec<_> = path.iter().map(|key| PathElement::Key(key)).collect();
        let text: Option<String> = found.decode_path(&path)?;
        Ok(text.filter(|text| !text.is_empty()))
    };
    // DB-IP's flat layout first: a path into a text would be an error.
    let country = text(&["country_code"])?;
    if country.is_some() {
        return Ok(Spot { country, city: text(&["city"])? });
    }
    Ok(Spot { country: text(&["country", "iso_code"])?, city: text(&["city", "names", "en"])? })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn has(self, address: IpAddr) -> bool {
        (self == Self::V4) == address.is_ipv4()
    }
}

/// Keeps an even draw of a stream, in the order of the draw (Vitter's algorithm R).
struct Reservoir {
    family: Family,
    room: usize,
    offered: usize,
    kept: Vec<IpAddr>,
}

impl Reservoir {
    fn new(family: Family, room: usize) -> Self {
        Self { family, room, offered: 0, kept: Vec::new() }
    }

    fn offer(&mut self, address: IpAddr, random: &mut fastrand::Rng) {
        if !self.family.has(address) || !is_plain(address) {
            return;
        }
        self.offered += 1;
        if self.kept.len() < self.room {
            let place = random.usize(..=self.kept.len());
            self.kept.insert(place, address);
        } else if let Some(place) = self.kept.get_mut(random.usize(..self.offered)) {
            *place = address;
        }
    }
}

/// Whether a client can be there: the loopback is trusted and never a client here; and an address
/// that wraps an IPv4 one (mapped, 6to4) is looked up as that by the edge, and not by a reader.
fn is_plain(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => {
            !address.is_loopback()
                && !address.is_unspecified()
                && address.to_ipv4_mapped().is_none()
                && address.segments().first() != Some(&0x2002)
        }
    }
}

fn inside(network: IpAddr, prefix: u8, random: &mut fastrand::Rng) -> IpAddr {
    match network {
        IpAddr::V4(network) => {
            let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv4Addr::from_bits(network.to_bits() | (random.u32(..) & hosts)).into()
        }
        IpAddr::V6(network) => {
            let hosts = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv6Addr::from_bits(network.to_bits() | (random.u128(..) & hosts)).into()
        }
    }
}

/// Any number would do; the same one every time makes a failure repeatable.
const SEED: u64 = 0xED6E_1003;

#[cfg(test)]
mod tests {
    use edgeloom_testbed::geo::{Layout, PLACES, place, write};

    use super::*;

    fn atlas(layout: Layout) -> Atlas {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("geo.mmdb");
        write(layout, &path).unwrap();
        Atlas::open(&path).unwrap()
    }

    #[test]
    fn both_layouts_read_alike() {
        for layout in [Layout::City, Layout::Flat] {
            let atlas = atlas(layout);
            for known in PLACES {
                let address = known.networks[0].parse::<ipnet::IpNet>().unwrap().addr();
                let spot = atlas.spot(address).unwrap();
                assert_eq!(
                    (spot.country.as_deref(), spot.city.as_deref()),
                    (Some(known.country), known.city)
                );
            }
            assert_eq!(atlas.spot("10.0.0.1".parse().unwrap()).unwrap(), Spot::default());
        }
    }

    #[test]
    fn a_draw_is_of_both_families_and_repeatable() {
        let atlas = atlas(Layout::City);
        let drawn = atlas.draw(20).unwrap();
        assert_eq!(drawn, atlas.draw(20).unwrap());
        assert_eq!(drawn.iter().filter(|address| address.is_ipv4()).count(), 10);
        assert_eq!(drawn.len(), 20);
        assert!(drawn.iter().all(|address| place(*address).is_some()), "{drawn:?}");
    }

    #[test]
    fn a_country_has_addresses_of_both_families() {
        let atlas = atlas(Layout::City);
        for family in [Family::V4, Family::V6] {
            let address = atlas.somewhere_in("JP", family).unwrap().unwrap();
            assert!(family.has(address));
            assert_eq!(place(address).unwrap().country, "JP");
        }
        assert_eq!(atlas.somewhere_in("AQ", Family::V4).unwrap(), None);
    }
}
