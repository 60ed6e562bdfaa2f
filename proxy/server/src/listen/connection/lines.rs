//! The head of a message: where it ends, and who reads which of its lines.

use std::sync::PoisonError;

use bytes::Bytes;
use edgeloom_config::Limits;
use edgeloom_core::wire::body::Rest;
use edgeloom_core::wire::head::Look;
use http::HeaderMap;

use super::{Connection, Reading, Waits};
use crate::limits::HEAD_OVERHEAD;
use crate::listen::refusal::Refusal;

impl Connection {
    /// Whether the head is whole; then it is what is read next.
    pub(super) fn look_at_head(&mut self, look: &mut Look, limits: &Limits) -> Result<bool, Refusal> {
        if let Some(head) = look.at(&self.ahead)? {
            let mut sent = Bytes::from(std::mem::take(&mut self.ahead));
            let behind = sent.split_off(head.end);
            if !behind.is_empty() {
                // Its lines are kept for as long as the exchange lasts, and what is behind them is not.
                sent = Bytes::copy_from_slice(&sent);
            }
            let (lines, framing) = look.take_apart(&sent)?;
            self.reading = Reading::Head(framing.len(), Rest::of(head.framing));
            (self.ahead, self.ahead_at) = (framing, 0);
            self.ahead.extend_from_slice(&behind);
            *self.lines.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(lines);
            self.requests = self.requests.saturating_sub(1);
            self.waits = Waits { read: self.pace.begin(), write: self.pace.begin() };
            return Ok(true);
        }
        // Heads that are only a little too large are refused with all that there is to say of them.
        let target = usize::try_from(limits.target.0).unwrap_or(usize::MAX);
        let fields = usize::try_from(limits.header_bytes.0).unwrap_or(usize::MAX);
        let length = self.ahead.len();
        if !look.has_begun() && length > target.saturating_mul(2).saturating_add(HEAD_OVERHEAD) {
            return Err(Refusal::TargetTooLong);
        }
        if length > target.saturating_add(fields).saturating_mul(2).saturating_add(HEAD_OVERHEAD) {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(false)
    }

    /// All header lines of the request at hand, once.
    pub(crate) fn lines(&self) -> Option<HeaderMap> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
