//! The `log` grant: lines in the proxy's log, marked with the filter's name.
//!
//! Long messages are cut, and so is a flood of them. The access log has its own way: leave a
//! [fact](crate::Request::set_fact).

use crate::wire;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the filter's author.
    Debug,
    /// For the operator, when all is well.
    Info,
    /// For the operator, when something will need attention.
    Warn,
    /// For the operator, when something failed.
    Error,
}

/// Writes one line.
pub fn write(level: Level, message: impl AsRef<str>) {
    wire::log(level, message.as_ref());
}

/// Writes one line for the filter's author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}

/// Writes one line for the operator.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// Writes one line for the operator: something will need attention.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message);
}

/// Writes one line for the operator: something failed.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message);
}
