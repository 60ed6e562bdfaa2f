//! Bytes + digest → Module.

use edgeloom_core::digest::Digest;
use edgeloom_core::units::Bytes;
use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::filter::Phases;
use crate::grants::{CONTRACT, Want};

/// Bytes that are what the operator named, and a filter by their imports and exports.
#[derive(Debug)]
pub(crate) struct Module {
    /// Of the file, as the operator sees it.
    pub(crate) digest: Digest,
    pub(crate) size: Bytes,
    /// The file was a core module that embeds the contract.
    pub(crate) raw: bool,
    pub(crate) phases: Phases,
    pub(crate) wants: Vec<Want>,
    /// Always a component.
    pub(crate) component: Vec<u8>,
}

/// Why a module was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("the file is empty")]
    Empty,
    #[error("it is not WebAssembly: it begins with {0:02x?}, and a module begins with [00, 61, 73, 6d]")]
    NotWasm(Vec<u8>),
    #[error("it has the digest sha256 {found}, but the configuration names {expected}")]
    WrongDigest { expected: Digest, found: Digest },
    #[error("it is damaged or cut short: {0}")]
    Damaged(String),
    #[error(
        "it is a core module that does not embed the contract ({0}); build it with edgeloom-sdk, or make it a component of a world of {CONTRACT}"
    )]
    NoContract(String),
    #[error("it exports no {CONTRACT} `setup` with a phase: {0}; a filter implements a world of {CONTRACT}")]
    WrongWorld(String),
    #[error("it was built for {found}, and this edge speaks {CONTRACT}; rebuild it with a matching SDK")]
    WrongVersion { found: String },
    #[error(
        "it imports `{0}`, which no edge provides; a filter has no file system, clock or network of its own"
    )]
    UnknownImport(String),
}

/// The digest of a file's bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Accepts the bytes as a filter's module, or says why not.
pub(crate) fn verify(bytes: Vec<u8>, expected: Option<Digest>) -> Result<Module, VerifyError> {
    if bytes.is_empty() {
        return Err(VerifyError::Empty);
    }
    let found = digest(&bytes);
    if let Some(expected) = expected
        && expected != found
    {
        return Err(VerifyError::WrongDigest { expected, found });
    }
    let size = Bytes(bytes.len() as u64);
    let raw = Parser::is_core_wasm(&bytes);
    let component = if raw {
        componentize(&bytes)?
    } else if Parser::is_component(&bytes) {
        bytes
    } else {
        return Err(VerifyError::NotWasm(bytes.into_iter().take(4).collect()));
    };
    wasmparser::Validator::new().validate_all(&component).map_err(damaged)?;
    let surface = surface(&component).map_err(damaged)?;
    let phases = surface.phases()?;
    let wants = surface.wants()?;
    Ok(Module { digest: found, size, raw, phases, wants, component })
}

/// Makes a component of a core module that carries its world in a custom
/// section, as every guest built by cargo alone does.
fn componentize(bytes: &[u8]) -> Result<Vec<u8>, VerifyError> {
    wasmparser::Validator::new().validate_all(bytes).map_err(damaged)?;
    ComponentEncoder::default()
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| VerifyError::NoContract(format!("{error:#}")))
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn damaged(error: wasmparser::BinaryReaderError) -> VerifyError {
    VerifyError::Damaged(error.to_string())
}

/// The names a component imports and exports.
#[derive(Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn surface(component: &[u8]) -> Result<Surface, wasmparser::BinaryReaderError> {
    let mut surface = Surface::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    surface.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    surface.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

impl Surface {
    fn phases(&self) -> Result<Phases, VerifyError> {
        let exports = |interface: &str| {
            let name = format!("edgeloom:filter/{interface}@0.1.0");
            self.exports.contains(&name)
        };
        let phases = Phases { request: exports("request-phase"), response: exports("response-phase") };
        if exports("setup") && (phases.request || phases.response) {
            return Ok(phases);
        }
        let ours = self.exports.iter().find(|export| export.starts_with("edgeloom:filter/"));
        Err(match ours.and_then(|export| export.split_once('@')) {
            Some((_, version)) if version != "0.1.0" => {
                VerifyError::WrongVersion { found: format!("edgeloom:filter@{version}") }
            }
            Some(_) | None if self.exports.is_empty() => VerifyError::WrongWorld("it exports nothing".into()),
            Some(_) | None => VerifyError::WrongWorld(format!("it exports {}", self.exports.join(", "))),
        })
    }

    fn wants(&self) -> Result<Vec<Want>, VerifyError> {
        self.imports
            .iter()
            .filter(|import| *import != "edgeloom:filter/http@0.1.0")
            .map(|import| Want::of_import(import).ok_or_else(|| VerifyError::UnknownImport(import.clone())))
            .collect()
    }
}
