//! Time that is up for an endpoint: Pingora bounds each read, and nobody the time to the first byte, or the whole.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use socket2::SockRef;
use tokio::task::AbortHandle;

/// Cuts a connection to an endpoint off when its time is up; Pingora finds it closed then, and asks what to do.
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

struct State {
    /// `None` for as long as it may take.
    deadline: Option<Instant>,
    fired: bool,
    /// Our own hold on the connection: by its number alone we might cut off whoever has that number next.
    connection: OwnedFd,
}

impl Watch {
    /// Watches over a connection from now on. `None` where the system has no number left for it.
    pub(crate) fn over(connection: RawFd, deadline: Instant) -> Option<Self> {
        let connection = own(connection)?;
        let state = Arc::new(Mutex::new(State { deadline: Some(deadline), fired: false, connection }));
        let task = tokio::spawn(watch(Arc::clone(&state))).abort_handle();
        Some(Self { state, task })
    }

    /// What is waited for now may take until then.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) {
        locked(&self.state).deadline = deadline;
    }

    pub(crate) fn has_fired(&self) -> bool {
        locked(&self.state).fired
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The connection may serve others from now on.
        locked(&self.state).deadline = None;
        self.task.abort();
    }
}

/// Deadlines only ever become later.
async fn watch(state: Arc<Mutex<State>>) {
    loop {
        let Some(deadline) = locked(&state).deadline else { return };
        tokio::time::sleep_until(deadline.into()).await;
        let mut state = locked(&state);
        if state.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            state.fired = true;
            // What is closed already need not be.
            let _ = SockRef::from(&state.connection).shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

#[expect(unsafe_code, reason = "Pingora tells a connection by its number only")]
fn own(connection: RawFd) -> Option<OwnedFd> {
    // A connection that was won by another address than the one asked for has no number that Pingora knows.
    if connection < 0 {
        return None;
    }
    // SAFETY: Pingora holds the connection whose number it has said for as long as the try at this endpoint lasts, and this
    // is called from within it, before the request is sent; what is kept is a duplicate.
    unsafe { BorrowedFd::borrow_raw(connection) }.try_clone_to_owned().ok()
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(connecting, listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn a_connection_is_cut_off_when_its_time_is_up() {
        let (mut near, _far) = connection().await;
        let watch = Watch::over(near.as_raw_fd(), Instant::now() + Duration::from_millis(20)).unwrap();
        assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(watch.has_fired());
    }

    #[tokio::test]
    async fn and_not_once_it_is_no_longer_watched() {
        let (mut near, far) = connection().await;
        let soon = Instant::now() + Duration::from_millis(20);
        drop(Watch::over(near.as_raw_fd(), soon).unwrap());
        let watch = Watch::over(near.as_raw_fd(), soon).unwrap();
        watch.wait_until(None);
        let read = tokio::time::timeout(Duration::from_millis(100), near.read(&mut [0; 1])).await;
        assert!(read.is_err() && !watch.has_fired(), "{read:?}");
        drop(far);
        assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
