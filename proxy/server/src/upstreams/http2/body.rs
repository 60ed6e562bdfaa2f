//! The body of a request, on its way into an HTTP/2 connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use h2::{Reason, SendStream};
use pingora_core::protocols::http::custom::BodyWrite;
use pingora_core::protocols::http::v2::write_body;
use pingora_core::{ErrorType, Result};

/// The half of a stream that is written to.
pub(super) struct Body {
    pub(super) stream: SendStream<Bytes>,
    pub(super) ended: bool,
    pub(super) timeout: Option<Duration>,
    /// Set where the endpoint takes nothing for too long, for whoever waits for its answer.
    pub(super) stuck: Arc<AtomicBool>,
}

impl Body {
    async fn write(&mut self, data: Bytes, end: bool) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = end;
        let written = write_body(&mut self.stream, data, end, self.timeout).await;
        written.inspect_err(|error| {
            self.ended = true;
            if *error.etype() == ErrorType::WriteTimedout {
                self.stuck.store(true, Ordering::Relaxed);
                self.stream.send_reset(Reason::CANCEL);
            }
        })
    }
}

#[async_trait]
impl BodyWrite for Body {
    async fn write_all_buf(&mut self, data: &mut Bytes) -> Result<()> {
        let data = std::mem::take(data);
        if data.is_empty() { Ok(()) } else { self.write(data, false).await }
    }

    async fn finish(&mut self) -> Result<()> {
        self.write(Bytes::new(), true).await
    }

    async fn cleanup(&mut self) -> Result<()> {
        Ok(())
    }

    /// Nothing goes on in another protocol in HTTP/2.
    fn upgrade_body_writer(&mut self) {}
}
