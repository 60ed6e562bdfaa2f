//! `edgeloom:filter/http`, for core modules.

use std::net::IpAddr;

use edgeloom_core::facts::Facts;
use edgeloom_core::head::{Change, Edit, Headers, Refusal, apply};
use edgeloom_core::limits::EDITS_MAX;
use wasmtime::{Caller, Linker};

use super::memory::{Lie, View, after, parts, put_at};
use super::reply::{Form, answer, answer_text};
use crate::exchange::{CallState, RequestSubject, ResponseSubject};

type Guest<'c> = Caller<'c, CallState>;
type Done = wasmtime::Result<()>;

pub(super) const MODULE: &str = "edgeloom:filter/http@0.1.0";

/// What gives a handle back: there is one subject, and whoever has it has it until the call ends.
pub(super) const DROPS: [&str; 2] = ["[resource-drop]request", "[resource-drop]response"];

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> Done {
    for drop in DROPS {
        linker.func_wrap(MODULE, drop, |_: Guest<'_>, _: i32| ())?;
    }
    linker
        .func_wrap(MODULE, "[method]request.client", client)?
        .func_wrap(MODULE, "[method]request.id", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Text, |request, _, _| Ok(Some(request.id.as_bytes())))
        })?
        .func_wrap(MODULE, "[method]request.method", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Text, |request, _, _| {
                Ok(Some(request.head.method.as_str().as_bytes()))
            })
        })?
        .func_wrap(MODULE, "[method]request.host", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Text, |request, _, _| Ok(Some(request.head.host.as_bytes())))
        })?
        .func_wrap(MODULE, "[method]request.path", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Text, |request, _, _| Ok(Some(request.head.path().as_bytes())))
        })?
        .func_wrap(MODULE, "[method]request.query", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Optional, |request, _, _| {
                Ok(request.head.query().map(str::as_bytes))
            })
        })?
        .func_wrap(MODULE, "[method]request.target", |guest: Guest<'_>, _: i32, to: i32| {
            answer_text(guest, to, Form::Text, |request, _, _| {
                Ok(Some(request.head.target.as_str().as_bytes()))
            })
        })?
        .func_wrap(MODULE, "[method]response.status", |guest: Guest<'_>, _: i32| {
            i32::from(guest.data().response.head.status.as_u16())
        })?;
    for side in [Side::Request, Side::Response] {
        let method = |verb: &str| format!("[method]{}.{verb}", side.name());
        linker
            .func_wrap(
                MODULE,
                &method("header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                    answer_text(guest, to, Form::Optional, |request, response, memory| {
                        let value = side.headers(request, response).get(memory.text(at, length)?);
                        Ok(value.map(http::HeaderValue::as_bytes))
                    })
                },
            )?
            .func_wrap(
                MODULE,
                &method("fact"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                    answer_text(guest, to, Form::Optional, |request, response, memory| {
                        let fact = side.facts(request, response).get(memory.text(at, length)?);
                        Ok(fact.map(str::as_bytes))
                    })
                },
            )?
            .func_wrap(MODULE, &method("headers"), move |guest: Guest<'_>, _: i32, to: i32| {
                answer(guest, to, |state, _, reply| {
                    // `list<header>`: address and length from 0; of an empty one, an aligned address.
                    reply.record(8);
                    reply.put(0, &4_i32.to_le_bytes());
                    for (name, value) in side.headers(&state.request, &state.response).map() {
                        reply.line(name.as_str().as_bytes(), value.as_bytes());
                    }
                    Ok(())
                })
            })?;
    }
    add_edits_to_linker(linker)
}

fn add_edits_to_linker(linker: &mut Linker<CallState>) -> Done {
    linker
        .func_wrap(
            MODULE,
            "[method]request.set-path",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                edit(guest, to, |state, memory| Ok(state.request.head.set_target(memory.text(at, length)?)))
            },
        )?
        .func_wrap(
            MODULE,
            "[method]request.route-to",
            |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                edit(guest, to, |state, memory| Ok(state.route_to(memory.text(at, length)?)))
            },
        )?
        .func_wrap(
            MODULE,
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
                MODULE,
                &method("set-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, value: i32, size: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        let (name, value) = (memory.text(at, length)?, memory.bytes(value, size)?);
                        Ok(side.edit(state, &Edit::Set(name, value)))
                    })
                },
            )?
            .func_wrap(
                MODULE,
                &method("add-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, value: i32, size: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        let (name, value) = (memory.text(at, length)?, memory.bytes(value, size)?);
                        Ok(side.edit(state, &Edit::Add(name, value)))
                    })
                },
            )?
            .func_wrap(
                MODULE,
                &method("remove-header"),
                move |guest: Guest<'_>, _: i32, at: i32, length: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        Ok(side.edit(state, &Edit::Remove(memory.text(at, length)?)))
                    })
                },
            )?
            .func_wrap(
                MODULE,
                &method("apply"),
                move |guest: Guest<'_>, _: i32, at: i32, count: i32, to: i32| {
                    edit(guest, to, |state, memory| {
                        if usize::try_from(count).is_ok_and(|count| count > EDITS_MAX) {
                            return Ok(Err(Refusal::TooLarge));
                        }
                        let changes = memory.elements(at, count, EDIT)?;
                        side.apply(state, changes.map(|at| change(memory, at)))
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

    fn headers<'s>(self, request: &'s RequestSubject, response: &'s ResponseSubject) -> &'s Headers {
        match self {
            Self::Request => &request.head.headers,
            Self::Response => &response.head.headers,
        }
    }

    fn edit(self, state: &mut CallState, edit: &Edit<'_>) -> Result<(), Refusal> {
        let headers = match self {
            Self::Request => &mut state.request.head.headers,
            Self::Response => &mut state.response.head.headers,
        };
        headers.edit(edit, &mut state.journal)
    }

    fn facts<'s>(self, request: &'s RequestSubject, response: &'s ResponseSubject) -> &'s Facts {
        match self {
            Self::Request => &request.facts,
            Self::Response => &response.facts,
        }
    }

    fn apply<'m>(
        self,
        state: &mut CallState,
        changes: impl Iterator<Item = Result<Change<'m>, Lie>>,
    ) -> Result<Result<(), Refusal>, Lie> {
        let (headers, facts) = match self {
            Self::Request => (&mut state.request.head.headers, &mut state.request.facts),
            Self::Response => (&mut state.response.head.headers, &mut state.response.facts),
        };
        apply(headers, facts, &mut state.journal, changes)
    }
}

const EDIT: i32 = 20;

/// An `edit`: the case at 0, its one or two texts from 4.
fn change(memory: View<'_>, at: i32) -> Result<Change<'_>, Lie> {
    let name = memory.string(after(at, 4))?;
    match memory.byte(at)? {
        0 => Ok(Change::Line(Edit::Set(name, memory.list(after(at, 12))?))),
        1 => Ok(Change::Line(Edit::Add(name, memory.list(after(at, 12))?))),
        2 => Ok(Change::Line(Edit::Remove(name))),
        3 => Ok(Change::Line(Edit::RemoveLike(name))),
        4 => Ok(Change::Fact(name, memory.string(after(at, 12))?)),
        _ => Err(Lie::NoSuchCase),
    }
}

/// `result<_, refusal>`: the case at 0, the refusal at 1.
fn edit(
    mut guest: Guest<'_>,
    to: i32,
    make: impl FnOnce(&mut CallState, View<'_>) -> Result<Result<(), Refusal>, Lie>,
) -> Done {
    let (memory, state) = parts(&mut guest)?;
    let answer = match make(state, View::new(memory))? {
        Ok(()) => [0, 0],
        Err(Refusal::Malformed) => [1, 0],
        Err(Refusal::Reserved) => [1, 1],
        Err(Refusal::TooLarge) => [1, 2],
        Err(Refusal::NotGranted) => [1, 3],
    };
    Ok(put_at(memory, &mut state.touched, to, &answer)?)
}

/// `client`: the address's case at 0, its parts from 2, `secure` at 18.
fn client(mut guest: Guest<'_>, _: i32, to: i32) -> Done {
    let (memory, state) = parts(&mut guest)?;
    let client = &state.request.client;
    let mut record = [0; 20];
    let [case, _, parts @ .., secure, _] = &mut record;
    match client.address {
        IpAddr::V4(v4) => parts.iter_mut().zip(v4.octets()).for_each(|(part, octet)| *part = octet),
        IpAddr::V6(v6) => {
            *case = 1;
            let halves = v6.segments().into_iter().flat_map(u16::to_le_bytes);
            parts.iter_mut().zip(halves).for_each(|(part, half)| *part = half);
        }
    }
    *secure = u8::from(client.secure);
    Ok(put_at(memory, &mut state.touched, to, &record)?)
}
