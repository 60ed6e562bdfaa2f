//! The `log` grant: lines in the proxy's log, marked with the filter's name.

use std::cmp::Ordering;

use edgeloom_core::limits::{GUEST_TEXT_MAX, LOG_LINES_MAX};

use crate::bindings::log::{Host, Level};
use crate::call::cut;
use crate::exchange::CallState;

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) {
        self.say(level, &message);
    }
}

impl CallState {
    /// Writes the line, unless the call has written too many.
    pub(crate) fn say(&mut self, level: Level, message: &str) {
        self.log_lines = self.log_lines.saturating_add(1);
        let filter = &*self.terms.name;
        match self.log_lines.cmp(&LOG_LINES_MAX) {
            Ordering::Greater => return,
            Ordering::Equal => {
                tracing::warn!(target: TARGET, filter, "too many lines from one call; the rest is dropped");
                return;
            }
            Ordering::Less => {}
        }
        let message = cut(message, GUEST_TEXT_MAX);
        match level {
            Level::Debug => tracing::debug!(target: TARGET, filter, "{message}"),
            Level::Info => tracing::info!(target: TARGET, filter, "{message}"),
            Level::Warn => tracing::warn!(target: TARGET, filter, "{message}"),
            Level::Error => tracing::error!(target: TARGET, filter, "{message}"),
        }
    }
}

const TARGET: &str = "edgeloom::guest";
