//! Image + grants → Filter; says which grant is missing.

use edgeloom_core::units::Bytes;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::bindings::{geo, http, log, request_phase, response_phase, tls};
use crate::configure::{Image, State};
use crate::exchange::CallState;
use crate::filter::Phases;
use crate::grants::{Grants, Want};

/// Why an image could not be linked with its grants.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error(
        "it wants the grant `{0}`, which it does not have; add `{0}` to the filter's `grants:`, or use another module"
    )]
    NotGranted(Want),
    #[error(
        "it starts with more memory than the {limit} allowed ({reason}); raise `memory:` if that is right"
    )]
    Memory { limit: Bytes, reason: String },
    #[error("it does not fit the contract: {0}")]
    Mismatch(String),
}

/// How a filter is called.
pub(crate) enum Linked {
    /// By its component's code, which is linked already, with the memory of its image.
    Direct,
    Whole(Whole),
}

/// An image with every import answered, called through the component model, and where its phases are.
pub(crate) struct Whole {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) request: Option<request_phase::GuestIndices>,
    pub(crate) response: Option<response_phase::GuestIndices>,
}

pub(crate) fn link(
    engine: &Engine,
    image: &Image,
    grants: &Grants,
    memory: Bytes,
) -> Result<Linked, LinkError> {
    let module = &image.component.module;
    if let Some(want) = module.wants.iter().find(|want| !grants.covers(**want)) {
        return Err(LinkError::NotGranted(*want));
    }
    match &image.state {
        State::Frozen(frozen) if frozen.length() as u64 > memory.0 => {
            let reason = format!("it needs {}", Bytes(frozen.length() as u64));
            Err(LinkError::Memory { limit: memory, reason })
        }
        State::Frozen(_) => Ok(Linked::Direct),
        State::Compiled(compiled) => whole(engine, compiled, module.phases, grants)
            .map(Linked::Whole)
            .map_err(|error| LinkError::Mismatch(format!("{error:#}"))),
    }
}

fn whole(engine: &Engine, compiled: &Component, phases: Phases, grants: &Grants) -> wasmtime::Result<Whole> {
    let pre = linker(engine, grants)?.instantiate_pre(compiled)?;
    let request = phases.request.then(|| request_phase::GuestIndices::new(&pre));
    let response = phases.response.then(|| response_phase::GuestIndices::new(&pre));
    Ok(Whole { request: request.transpose()?, response: response.transpose()?, pre })
}

/// Only what was granted is there to be imported.
fn linker(engine: &Engine, grants: &Grants) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    http::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    if grants.geo.is_some() {
        geo::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if grants.log {
        log::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    if grants.tls {
        tls::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    }
    Ok(linker)
}
