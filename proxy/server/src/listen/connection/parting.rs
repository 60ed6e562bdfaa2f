//! How a connection ends that is ended here: with an answer that the client gets to read.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::{Connection, Reading};
use crate::limits::LINGER;
use crate::listen::refusal::{Refusal, unsigned};

impl Connection {
    /// Answers what is no request, and hangs up.
    pub(in crate::listen) async fn refuse(&mut self, refusal: &Refusal) {
        (self.refused)(refusal);
        self.reading = Reading::All;
        self.exchange_has_begun();
        let parting = async {
            self.write_all(refusal.answer().as_bytes()).await?;
            self.linger().await
        };
        // Whoever hangs up does not read it: nothing is lost then.
        let _ = timeout(LINGER, parting).await;
    }

    /// Hangs up, and waits until the client does: what it sends meanwhile would make the system
    /// throw away the answer that is on its way.
    pub(super) async fn linger(&mut self) -> io::Result<()> {
        self.shutdown().await?;
        loop {
            self.ahead = Vec::new();
            poll_fn(|cx| self.poll_ahead(cx)).await?;
        }
    }

    /// Writes a refusal of Pingora's in our own words.
    pub(super) fn poll_refuse(&mut self, cx: &mut Context<'_>, refusal: &[u8]) -> Poll<io::Result<usize>> {
        let Some((refused, ours)) = unsigned(refusal) else { return self.poll_gather(cx, refusal) };
        self.out.extend_from_slice(&ours);
        (self.refused)(&refused);
        Poll::Ready(Ok(refusal.len()))
    }
}
