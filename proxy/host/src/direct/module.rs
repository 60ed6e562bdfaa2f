//! The core module inside a component that we made.

use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload};

use super::tracked::tracked;
use super::{CONFIGURE, ON_REQUEST, ON_RESPONSE};

/// The guest's own module in a component that we made, rewritten to be driven directly, if it can be.
pub(crate) fn drivable(component: &[u8]) -> Option<Vec<u8>> {
    tracked(core_of(component)?)
}

/// The guest's own module in a component, if the component is of the shape that
/// `wit-component` gives one without adapters, with its texts in UTF-8.
fn core_of(component: &[u8]) -> Option<&[u8]> {
    let mut guests = Vec::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::ModuleSection { unchecked_range, .. } => {
                if depth == 0 {
                    guests.extend(component.get(unchecked_range).filter(is_guest));
                }
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentCanonicalSection(section) if depth == 0 => {
                let functions = section.into_iter().collect::<Result<Vec<_>, _>>().ok()?;
                if !functions.iter().all(is_utf8) {
                    return None;
                }
            }
            _ => {}
        }
    }
    match *guests.as_slice() {
        [guest] => Some(guest),
        _ => None,
    }
}

/// Whether it exports a phase, and imports what `direct` provides under the names it knows.
fn is_guest(module: &&[u8]) -> bool {
    let (mut has_phase, mut has_setup, mut is_known) = (false, false, true);
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Ok(Payload::ExportSection(exports)) => {
                for export in exports.into_iter().flatten() {
                    has_phase |= PHASES.contains(&export.name);
                    has_setup |= export.name == CONFIGURE;
                    // Code that would have to run first.
                    is_known &= export.name != "_initialize";
                }
            }
            Ok(Payload::ImportSection(imports)) => {
                is_known &=
                    imports.into_imports().flatten().all(|import| INTERFACES.contains(&import.module));
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    has_phase && has_setup && is_known
}

const PHASES: [&str; 2] = [ON_REQUEST, ON_RESPONSE];
const INTERFACES: [&str; 4] = [
    "edgeloom:filter/http@0.1.0",
    "edgeloom:grants/geo@0.1.0",
    "edgeloom:grants/log@0.1.0",
    "edgeloom:grants/tls@0.1.0",
];

fn is_utf8(function: &CanonicalFunction) -> bool {
    let (CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. }) = function
    else {
        return true;
    };
    !options.iter().any(|option| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16))
}
