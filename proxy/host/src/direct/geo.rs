//! `edgeloom:grants/geo`, for core modules.

use std::net::IpAddr;

use wasmtime::{Caller, Linker};

use super::http::put;
use super::memory::{Lie, give, write};
use crate::exchange::CallState;
use crate::geo::Place;

type Guest<'c> = Caller<'c, CallState>;

const GEO: &str = "edgeloom:grants/geo@0.1.0";

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.func_wrap(GEO, "locate", locate)?.func_wrap(GEO, "country", country)?;
    Ok(())
}

/// An `address` is its case, and four bytes or eight halves in the first of eight words.
#[expect(clippy::too_many_arguments, reason = "the flat form of a variant")]
fn locate(
    mut guest: Guest<'_>,
    case: i32,
    a: i32,
    b: i32,
    c: i32,
    d: i32,
    e: i32,
    f: i32,
    g: i32,
    h: i32,
    to: i32,
) -> wasmtime::Result<()> {
    let address = address(case, [a, b, c, d, e, f, g, h])?;
    match guest.data().grants.geo.as_ref().and_then(|geo| geo.locate(address)) {
        Some(place) => {
            let record = record(&mut guest, &place)?;
            write(&mut guest, to, &record)
        }
        None => write(&mut guest, to, &[0]),
    }
}

#[expect(clippy::too_many_arguments, reason = "the flat form of a variant")]
fn country(
    mut guest: Guest<'_>,
    case: i32,
    a: i32,
    b: i32,
    c: i32,
    d: i32,
    e: i32,
    f: i32,
    g: i32,
    h: i32,
    to: i32,
) -> wasmtime::Result<()> {
    let address = address(case, [a, b, c, d, e, f, g, h])?;
    let found = guest.data().grants.geo.as_ref().and_then(|geo| geo.country(address));
    let mut answer = [0; 12];
    text(&mut guest, &mut answer, 0, found.as_deref())?;
    write(&mut guest, to, &answer)
}

fn address(case: i32, words: [i32; 8]) -> Result<IpAddr, Lie> {
    let mut halves = [0_u16; 8];
    let mut bytes = [0_u8; 4];
    match case {
        0 => {
            for (byte, word) in bytes.iter_mut().zip(words) {
                *byte = u8::try_from(word & 0xff).unwrap_or_default();
            }
            Ok(bytes.into())
        }
        1 => {
            for (half, word) in halves.iter_mut().zip(words) {
                *half = u16::try_from(word & 0xffff).unwrap_or_default();
            }
            Ok(halves.into())
        }
        _ => Err(Lie::NoSuchCase),
    }
}

/// `option<place>`: its case at 0, the record from 8, each field at its place in the order of the contract.
fn record(guest: &mut Guest<'_>, place: &Place) -> wasmtime::Result<[u8; 160]> {
    let mut answer = [0; 160];
    put(&mut answer, 0, &[1]);
    let texts: [(usize, &Option<String>); 9] = [
        (8, &place.country),
        (20, &place.country_name),
        (36, &place.continent),
        (48, &place.region),
        (60, &place.region_name),
        (72, &place.city),
        (84, &place.postal_code),
        (128, &place.time_zone),
        (148, &place.as_organization),
    ];
    for (offset, value) in texts {
        text(guest, &mut answer, offset, value.as_deref())?;
    }
    if let Some(eu) = place.eu {
        put(&mut answer, 32, &[1, u8::from(eu)]);
    }
    for (offset, degrees) in [(96, place.latitude), (112, place.longitude)] {
        if let Some(degrees) = degrees {
            put(&mut answer, offset, &[1]);
            put(&mut answer, offset + 8, &degrees.to_le_bytes());
        }
    }
    if let Some(asn) = place.asn {
        put(&mut answer, 140, &[1]);
        put(&mut answer, 144, &asn.to_le_bytes());
    }
    Ok(answer)
}

/// `option<string>`: its case, then address and length from 4.
fn text(
    guest: &mut Guest<'_>,
    answer: &mut [u8],
    offset: usize,
    value: Option<&str>,
) -> wasmtime::Result<()> {
    let Some(value) = value else { return Ok(()) };
    let (at, length) = give(&mut *guest, value.as_bytes())?;
    put(answer, offset, &[1]);
    put(answer, offset + 4, &at.to_le_bytes());
    put(answer, offset + 8, &length.to_le_bytes());
    Ok(())
}
