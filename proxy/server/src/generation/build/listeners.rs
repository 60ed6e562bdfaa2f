//! What of the listeners belongs to a generation: how they speak TLS.

use std::fmt;
use std::sync::Arc;

use edgeloom_config::{Bind, Config};

use crate::generation::Generation;
use crate::generation::sentence;
use crate::listen::tls::{Tls, TlsError};

/// A listener that can not speak TLS as it should.
#[derive(Debug)]
pub(crate) struct TlsRefused {
    bind: String,
    error: TlsError,
}

impl fmt::Display for TlsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listener {}: {}", self.bind, sentence(&self.error))
    }
}

/// How each listener is to speak TLS: as it does in the running generation where nothing has changed.
///
/// # Errors
///
/// Every file that can not be used.
pub(super) fn open_tls(
    config: &Config,
    running: Option<&Generation>,
) -> Result<Vec<Option<Arc<Tls>>>, Vec<TlsRefused>> {
    let mut opened = Vec::with_capacity(config.listeners.len());
    let mut refused = Vec::new();
    for (position, listener) in config.listeners.iter().enumerate() {
        let Some(written) = &listener.tls else {
            opened.push(None);
            continue;
        };
        // If it is another listener than before, its sessions do as well: they know which clients they believe.
        let earlier = running.and_then(|running| running.tls(position));
        match Tls::open(written, earlier) {
            Ok(tls) => opened.push(Some(tls)),
            Err(errors) => refused.extend(
                errors.into_iter().map(|error| TlsRefused { bind: listener.bind.to_string(), error }),
            ),
        }
    }
    if refused.is_empty() { Ok(opened) } else { Err(refused) }
}

/// Which listener of the configuration is the one that was started at this position. Several may ask for
/// any free port, so the position counts first.
pub(super) fn place(config: &Config, position: usize, bind: &Bind) -> Option<usize> {
    let same = |place: &usize| config.listeners.get(*place).is_some_and(|listener| listener.bind == *bind);
    Some(position).filter(same).or_else(|| (0..config.listeners.len()).find(same))
}
