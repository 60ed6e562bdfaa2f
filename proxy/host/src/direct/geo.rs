//! `edgeloom:grants/geo`, for core modules.

use std::net::IpAddr;

use wasmtime::{Caller, Linker};

use super::memory::Lie;
use super::reply::{Reply, answer};
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
    guest: Guest<'_>,
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
    answer(guest, to, |state, _, reply| {
        let place = state.terms.grants.geo.as_ref().and_then(|geo| geo.locate(address));
        record(reply, place.as_ref());
        Ok(())
    })
}

#[expect(clippy::too_many_arguments, reason = "the flat form of a variant")]
fn country(
    guest: Guest<'_>,
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
    answer(guest, to, |state, _, reply| {
        let found = state.terms.grants.geo.as_ref().and_then(|geo| geo.country(address));
        reply.record(12);
        reply.optional(0, found.map(str::as_bytes));
        Ok(())
    })
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
fn record(reply: &mut Reply, place: Option<&Place<'_>>) {
    reply.record(160);
    let Some(place) = place else { return };
    reply.put(0, &[1]);
    for (offset, value) in [
        (8, place.country),
        (20, place.country_name),
        (36, place.continent),
        (48, place.region),
        (60, place.region_name),
        (72, place.city),
        (84, place.postal_code),
        (128, place.time_zone),
        (148, place.as_organization),
    ] {
        reply.optional(offset, value.map(str::as_bytes));
    }
    if let Some(eu) = place.eu {
        reply.put(32, &[1, u8::from(eu)]);
    }
    for (offset, degrees) in [(96, place.latitude), (112, place.longitude)] {
        if let Some(degrees) = degrees {
            reply.put(offset, &[1]);
            reply.put(offset + 8, &degrees.to_le_bytes());
        }
    }
    if let Some(asn) = place.asn {
        reply.put(140, &[1]);
        reply.put(144, &asn.to_le_bytes());
    }
}
