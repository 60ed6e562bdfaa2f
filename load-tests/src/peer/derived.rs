//! What is made of the city database for peers that can not read its layout.
//!
//! Made once, and kept under a name that says of which database: peers are started again and again.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ipnet::{Ipv4Net, Ipv4Subnets};
use maxminddb::Reader;
use mmdb_writer::{IpVersion, Value, Writer};
use serde::Deserialize;
use tempfile::NamedTempFile;

/// A map for HAProxy: a line with a network and its country for each.
///
/// # Errors
///
/// Where the database can not be read, or the map not be written.
pub(super) fn countries(database: &Path, folder: &Path) -> Result<PathBuf> {
    kept(database, folder, "countries", "map", |reader, file| write_countries(reader, file))
}

/// The same places in the layout of MaxMind's GeoIP2 City, which is the only one that Envoy reads: the
/// same networks, so that a look-up takes as many steps, with the fields that the job asks for.
///
/// # Errors
///
/// Where the database can not be read, or the other not be written.
pub(super) fn geoip2(database: &Path, folder: &Path) -> Result<PathBuf> {
    kept(database, folder, "geoip2", "mmdb", |reader, file| write_geoip2(reader, file))
}

type Database = Reader<Vec<u8>>;

/// The part of a record that the job asks for.
#[derive(Deserialize)]
struct Record<'db> {
    #[serde(borrow, default)]
    country_code: &'db str,
    #[serde(borrow, default)]
    city: &'db str,
}

fn kept(
    database: &Path,
    folder: &Path,
    name: &str,
    extension: &str,
    make: impl FnOnce(&Database, &mut BufWriter<&mut NamedTempFile>) -> Result<()>,
) -> Result<PathBuf> {
    let unreadable = || format!("the database {} can not be read", database.display());
    let reader = Reader::open_readfile(database).with_context(unreadable)?;
    let metadata = reader.metadata();
    let path = folder.join(format!("{name}-{}-{}.{extension}", metadata.build_epoch, metadata.node_count));
    if path.is_file() {
        return Ok(path.canonicalize()?);
    }
    eprintln!("making {} of {} (some seconds, once)", path.display(), database.display());
    let unwritable = || format!("{} can not be written", path.display());
    fs::create_dir_all(folder).with_context(unwritable)?;
    let mut file = NamedTempFile::new_in(folder).with_context(unwritable)?;
    let mut writer = BufWriter::new(&mut file);
    make(&reader, &mut writer).with_context(unwritable)?;
    writer.flush().with_context(unwritable)?;
    drop(writer);
    file.persist(&path).with_context(unwritable)?;
    Ok(path.canonicalize()?)
}

/// Every network of which something is known, in the order of addresses.
fn networks(reader: &Database) -> Result<impl Iterator<Item = Result<(Ipv4Net, Record<'_>)>>> {
    let networks = reader.networks(maxminddb::WithinOptions::default())?;
    Ok(networks.filter_map(|found| {
        let known = || -> Result<_> {
            let found = found?;
            let Some(record) = found.decode::<Record<'_>>()? else { return Ok(None) };
            let network = found.network()?;
            // The visitors have IPv4 addresses.
            let IpAddr::V4(address) = network.ip() else { return Ok(None) };
            Ok(Some((Ipv4Net::new(address, network.prefix())?, record)))
        };
        known().transpose()
    }))
}

fn write_countries(reader: &Database, file: &mut impl Write) -> Result<()> {
    // Neighbours of one country are one range.
    let mut run: Option<(Ipv4Addr, Ipv4Addr, &str)> = None;
    for network in networks(reader)? {
        let (network, record) = network?;
        let (first, last) = (network.network(), network.broadcast());
        if record.country_code.is_empty() || record.country_code == "ZZ" {
            continue;
        }
        match &mut run {
            Some((_, end, country))
                if *country == record.country_code
                    && u32::from(*end).checked_add(1) == Some(first.into()) =>
            {
                *end = last;
            }
            _ => {
                write_run(run.replace((first, last, record.country_code)), file)?;
            }
        }
    }
    Ok(write_run(run, file)?)
}

fn write_run(run: Option<(Ipv4Addr, Ipv4Addr, &str)>, file: &mut impl Write) -> io::Result<()> {
    let Some((first, last, country)) = run else { return Ok(()) };
    for subnet in Ipv4Subnets::new(first, last, 0) {
        writeln!(file, "{subnet} {country}")?;
    }
    Ok(())
}

fn write_geoip2(reader: &Database, file: &mut impl Write) -> Result<()> {
    let mut writer = Writer::builder("GeoIP2-City").ip_version(IpVersion::V4).build();
    for network in networks(reader)? {
        let (network, record) = network?;
        let country = Some(record.country_code).filter(|country| !country.is_empty() && *country != "ZZ");
        let country = country.map(|code| ("country", Value::map([("iso_code", code)])));
        let city = Some(record.city).filter(|city| !city.is_empty());
        let city = city.map(|name| ("city", Value::map([("names", Value::map([("en", name)]))])));
        writer.insert_value(network, Value::map(country.into_iter().chain(city)))?;
    }
    Ok(writer.write_to(file)?)
}

#[cfg(test)]
mod tests;
