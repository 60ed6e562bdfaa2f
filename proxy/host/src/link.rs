//! Image + grants → Filter; says which grant is missing.

use edgeloom_core::units::Bytes;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use crate::bindings::{geo, http, log, request_phase, response_phase};
use crate::configure::Image;
use crate::exchange::CallState;
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

/// The image with every import answered, and where its phases are.
pub(crate) struct Linked {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) request: Option<request_phase::GuestIndices>,
    pub(crate) response: Option<response_phase::GuestIndices>,
}

pub(crate) fn link(engine: &Engine, image: &Image, grants: &Grants) -> Result<Linked, LinkError> {
    let module = &image.component.module;
    if let Some(want) = module.wants.iter().find(|want| !grants.covers(**want)) {
        return Err(LinkError::NotGranted(*want));
    }
    let linker = linker(engine, grants).map_err(|error| mismatch(&error))?;
    let pre = linker.instantiate_pre(&image.compiled).map_err(|error| mismatch(&error))?;
    let request = module.phases.request.then(|| request_phase::GuestIndices::new(&pre));
    let response = module.phases.response.then(|| response_phase::GuestIndices::new(&pre));
    Ok(Linked {
        request: request.transpose().map_err(|error| mismatch(&error))?,
        response: response.transpose().map_err(|error| mismatch(&error))?,
        pre,
    })
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
    Ok(linker)
}

fn mismatch(error: &wasmtime::Error) -> LinkError {
    LinkError::Mismatch(format!("{error:#}"))
}
