//! `edgeloom:filter/http`, for core modules.

use edgeloom_core::head::{Edit, Headers, Refusal};
use edgeloom_core::limits::EDITS_MAX;
use http::HeaderMap;
use wasmtime::{Caller, Linker};

use super::memory::{Lie, View, after, give, parts, room, write};
use super::verdict::LINE;
use crate::exchange::CallState;

type Guest<'c> = Caller<'c, CallState>;
type Done = wasmtime::Result<()>;

const HTTP: &str = "edgeloom:filter/http@0.1.0";

#[expect(clippy::too_many_lines, reason = "a table: the functions of the interface, in its order")]
pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> Done {
    linker
        .func_wrap(HTTP, "[resource-drop]request", |_: Guest<'_>, _: i32| ())?
        .func_wrap(HTTP, "[resource-drop]response", |_: Guest<'_>, _: i32| ())?
        .func_wrap(HTTP, "[method]request.client", client)?
        .func_wrap(HTTP, "[method]request.id", |guest: Guest<'_>, _: i32, to: i32| {
            string(guest, to, |state| state.request.id.as_bytes().to_vec())
        })?
        .func_wrap(HTTP, "[method]request.method", |guest: Guest<'_>, _: i32, to: i32| {
            string(guest, to, |state| state.request.head.method.as_str().as_bytes().to_vec())
        })?
        .func_wrap(HTTP, "[method]request.host", |guest: Guest<'_>, _: i32, to: i32| {
            string(guest, to, |state| state.request.head.host.as_bytes().to_vec())
        })?
        .func_wrap(HTTP, "[method]request.path", |guest: Guest<'_>, _: i32, to: i32| {
            string(guest, to, |state| state.request.head.path().as_bytes().to_vec())
        })?
        .func_wrap(HTTP, "[method]request.query", |guest: Guest<'_>, _: i32, to: i32| {
            optional(guest, to, |state, _| {
                Ok(state.request.head.query().map(|query| query.as_bytes().to_vec()))
            })
        })?
        .func_wrap(
            HTTP,
            "[method]request.header",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                optional(guest, to, |state, memory| {
                    Ok(first(&state.request.head.headers, memory.text(at, length)?))
                })
            },
        )?
        .func_wrap(
            HTTP,
            "[method]response.header",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                optional(guest, to, |state, memory| {
                    Ok(first(&state.response.head.headers, memory.text(at, length)?))
                })
            },
        )?
        .func_wrap(
            HTTP,
            "[method]request.fact",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                optional(guest, to, |state, memory| {
                    Ok(state.request.facts.get(memory.text(at, length)?).map(|fact| fact.as_bytes().to_vec()))
                })
            },
        )?
        .func_wrap(
            HTTP,
            "[method]response.fact",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                optional(guest, to, |state, memory| {
                    Ok(state
                        .response
                        .facts
                        .get(memory.text(at, length)?)
                        .map(|fact| fact.as_bytes().to_vec()))
                })
            },
        )?
        .func_wrap(HTTP, "[method]request.headers", |guest: Guest<'_>, _: i32, to: i32| {
            let headers = guest.data().request.head.headers.map().clone();
            list(guest, to, &headers)
        })?
        .func_wrap(HTTP, "[method]response.headers", |guest: Guest<'_>, _: i32, to: i32| {
            let headers = guest.data().response.head.headers.map().clone();
            list(guest, to, &headers)
        })?
        .func_wrap(HTTP, "[method]response.status", |guest: Guest<'_>, _: i32| {
            i32::from(guest.data().response.head.status.as_u16())
        })?;
    add_edits_to_linker(linker)
}

#[expect(clippy::too_many_lines, reason = "a table: the functions of the interface, in its order")]
fn add_edits_to_linker(linker: &mut Linker<CallState>) -> Done {
    linker
        .func_wrap(
            HTTP,
            "[method]request.set-path",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                edit(guest, to, |state, memory| Ok(state.request.head.set_target(memory.text(at, length)?)))
            },
        )?
        .func_wrap(
            HTTP,
            "[method]request.route-to",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                edit(guest, to, |state, memory| Ok(state.route_to(memory.text(at, length)?)))
            },
        )?
        .func_wrap(
            HTTP,
            "[method]response.set-status",
            |guest: Guest<'_>, _: i32, status: i32, to: i32| {
                let status = u16::try_from(status & 0xffff).unwrap_or_default();
                edit(guest, to, |state, _| Ok(state.response.head.set_status(status)))
            },
        )?;
    for side in [Side::Request, Side::Response] {
        let method = |verb: &str| format!("[method]{}.{verb}", side.name());
        linker
            .func_wrap(
                HTTP,
                &method("set-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, value: i32, size: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        let (name, value) = (memory.text(at, length)?, memory.bytes(value, size)?);
                        Ok(side.headers(state).edit(&Edit::Set(name, value)))
                    })
                },
            )?
            .func_wrap(
                HTTP,
                &method("add-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, value: i32, size: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        let (name, value) = (memory.text(at, length)?, memory.bytes(value, size)?);
                        Ok(side.headers(state).edit(&Edit::Add(name, value)))
                    })
                },
            )?
            .func_wrap(
                HTTP,
                &method("remove-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        Ok(side.headers(state).edit(&Edit::Remove(memory.text(at, length)?)))
                    })
                },
            )?
            .func_wrap(
                HTTP,
                &method("apply"),
                move |guest: Guest<'_>, _: i32, at: i32, count: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        if usize::try_from(count).is_ok_and(|count| count > EDITS_MAX) {
                            return Ok(Err(Refusal::TooLarge));
                        }
                        let edits = memory.elements(at, count, EDIT)?.map(|at| Change::read(memory, at));
                        let edits = edits.collect::<Result<Vec<_>, Lie>>()?;
                        Ok(side.apply(state, &edits))
                    })
                },
            )?;
    }
    Ok(())
}

/// Which head a method is of.
#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    fn headers(self, state: &mut CallState) -> &mut Headers {
        match self {
            Self::Request => &mut state.request.head.headers,
            Self::Response => &mut state.response.head.headers,
        }
    }

    fn apply(self, state: &mut CallState, edits: &[Change<'_>]) -> Result<(), Refusal> {
        let (headers, facts) = match self {
            Self::Request => (&mut state.request.head.headers, &mut state.request.facts),
            Self::Response => (&mut state.response.head.headers, &mut state.response.facts),
        };
        let lines = edits.iter().filter_map(|edit| match edit {
            Change::Line(line) => Some(line.clone()),
            Change::Fact(..) => None,
        });
        let left = edits.iter().filter_map(|edit| match edit {
            Change::Fact(name, value) => Some((*name, *value)),
            Change::Line(_) => None,
        });
        facts.apply(left, || headers.apply(lines))
    }
}

/// An `edit`: the case at 0, its one or two texts from 4.
enum Change<'m> {
    Line(Edit<'m>),
    Fact(&'m str, &'m str),
}

const EDIT: i32 = 20;

impl<'m> Change<'m> {
    fn read(memory: View<'m>, at: i32) -> Result<Self, Lie> {
        let name = memory.string(after(at, 4))?;
        match memory.byte(at)? {
            0 => Ok(Self::Line(Edit::Set(name, memory.list(after(at, 12))?))),
            1 => Ok(Self::Line(Edit::Add(name, memory.list(after(at, 12))?))),
            2 => Ok(Self::Line(Edit::Remove(name))),
            3 => Ok(Self::Fact(name, memory.string(after(at, 12))?)),
            _ => Err(Lie::NoSuchCase),
        }
    }
}

/// `result<_, refusal>`: the case at 0, the refusal at 1.
fn edit(
    mut guest: Guest<'_>,
    to: i32,
    make: impl FnOnce(&mut CallState, View<'_>) -> Result<Result<(), Refusal>, Lie>,
) -> Done {
    let (memory, state) = parts(&mut guest)?;
    let answer = match make(state, memory)? {
        Ok(()) => [0, 0],
        Err(Refusal::Malformed) => [1, 0],
        Err(Refusal::Reserved) => [1, 1],
        Err(Refusal::TooLarge) => [1, 2],
        Err(Refusal::NotGranted) => [1, 3],
    };
    write(&mut guest, to, &answer)
}

/// `option<list<u8>>` or `option<string>`: the case at 0, address and length from 4.
fn optional(
    mut guest: Guest<'_>,
    to: i32,
    find: impl FnOnce(&CallState, View<'_>) -> Result<Option<Vec<u8>>, Lie>,
) -> Done {
    let (memory, state) = parts(&mut guest)?;
    let Some(found) = find(state, memory)? else { return write(&mut guest, to, &[0]) };
    let (at, length) = give(&mut guest, &found)?;
    let mut answer = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    place(&mut answer, 4, at, length);
    write(&mut guest, to, &answer)
}

/// `string`: address and length from 0.
fn string(mut guest: Guest<'_>, to: i32, text: impl FnOnce(&CallState) -> Vec<u8>) -> Done {
    let text = text(guest.data());
    let (at, length) = give(&mut guest, &text)?;
    let mut answer = [0; 8];
    place(&mut answer, 0, at, length);
    write(&mut guest, to, &answer)
}

fn place(into: &mut [u8], offset: usize, at: i32, length: i32) {
    put(into, offset, &at.to_le_bytes());
    put(into, offset + 4, &length.to_le_bytes());
}

fn first(headers: &Headers, name: &str) -> Option<Vec<u8>> {
    headers.get(name).map(|value| value.as_bytes().to_vec())
}

/// `list<header>`, names and values behind the records, in one piece of the guest's memory each.
fn list(mut guest: Guest<'_>, to: i32, headers: &HeaderMap) -> Done {
    let mut records = Vec::with_capacity(headers.len() * 16);
    for (name, value) in headers {
        for text in [name.as_str().as_bytes(), value.as_bytes()] {
            // Each its own, because the guest frees each for itself.
            let (at, length) = give(&mut guest, text)?;
            records.extend(at.to_le_bytes().into_iter().chain(length.to_le_bytes()));
        }
    }
    let count = i32::try_from(headers.len())?;
    let at = if count == 0 { 4 } else { room(&mut guest, 4, count.saturating_mul(LINE))? };
    write(&mut guest, at, &records)?;
    let mut answer = [0; 8];
    place(&mut answer, 0, at, count);
    write(&mut guest, to, &answer)
}

/// `client`: the address's case at 0, its parts from 2, `secure` at 18.
fn client(mut guest: Guest<'_>, _: i32, to: i32) -> Done {
    let client = &guest.data().request.client;
    let mut answer = [0; 20];
    match client.address {
        std::net::IpAddr::V4(v4) => put(&mut answer, 2, &v4.octets()),
        std::net::IpAddr::V6(v6) => {
            put(&mut answer, 0, &[1]);
            for (position, segment) in v6.segments().into_iter().enumerate() {
                put(&mut answer, 2 + 2 * position, &segment.to_le_bytes());
            }
        }
    }
    put(&mut answer, 18, &[u8::from(client.secure)]);
    write(&mut guest, to, &answer)
}

pub(super) fn put(into: &mut [u8], offset: usize, bytes: &[u8]) {
    for (slot, byte) in into.iter_mut().skip(offset).zip(bytes) {
        *slot = *byte;
    }
}
