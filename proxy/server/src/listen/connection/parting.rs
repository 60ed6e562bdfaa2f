//! How a connection ends that is ended here: with an answer that the client gets to read.

use std::io::{self, Cursor};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use pingora_core::protocols::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Connection, Reading};
use crate::limits::{LINGER, READ_BUFFER};
use crate::listen::refusal::{Refusal, unsigned};

impl Connection {
    /// Answers what is no request, and hangs up.
    pub(in crate::listen) async fn refuse(&mut self, refusal: &Refusal) {
        (self.refused)(refusal);
        self.reading = Reading::All;
        self.exchange_has_begun();
        let parting = async {
            self.write_all(refusal.answer().as_bytes()).await?;
            let out = std::mem::take(&mut self.out);
            hear_out(&mut self.stream, &out).await
        };
        // Whoever hangs up does not read it: nothing is lost then.
        let _ = timeout(LINGER, parting).await;
    }

    /// Writes a refusal of Pingora's in our own words.
    pub(super) fn poll_refuse(&mut self, cx: &mut Context<'_>, refusal: &[u8]) -> Poll<io::Result<usize>> {
        let Some((refused, ours)) = unsigned(refusal) else { return self.poll_gather(cx, refusal) };
        self.out.extend_from_slice(&ours);
        (self.refused)(&refused);
        Poll::Ready(Ok(refusal.len()))
    }

    /// Whether the client may still be sending what its answer did not wait for.
    fn is_cut_short(&self) -> bool {
        let is_unread = match &self.reading {
            Reading::Head(..) => true,
            Reading::Body(rest) => !rest.has_ended(),
            Reading::All => self.watched.as_ref().is_some_and(|watched| watched.known.is_cut_short()),
        };
        is_unread && self.answering.load(Ordering::Relaxed)
    }
}

/// Hangs up, and waits until the client does: what it sends meanwhile would make the system throw away
/// the answer that is on its way. Pingora lets go of a connection without waiting, and when an exchange
/// has failed without a word: so this is where it happens, beside the exchange, which has ended.
impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_cut_short() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut stream = std::mem::replace(&mut self.stream, Box::new(Cursor::new(Vec::new())));
        let (out, room) = (std::mem::take(&mut self.out), self.room.take());
        runtime.spawn(async move {
            let _room = room;
            // Whoever hangs up does not read it: nothing is lost then.
            let _ = timeout(LINGER, hear_out(&mut stream, &out)).await;
        });
    }
}

async fn hear_out(stream: &mut Stream, out: &[u8]) -> io::Result<()> {
    stream.write_all(out).await?;
    AsyncWriteExt::shutdown(stream).await?;
    let mut unheard = vec![0; READ_BUFFER];
    while stream.read(&mut unheard).await? > 0 {}
    Ok(())
}
