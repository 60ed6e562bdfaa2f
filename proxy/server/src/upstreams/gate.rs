//! How many exchanges a cluster has at one time, and who waits for others to end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Lets so many in, and has others wait in the order in which they came.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Held>);

#[derive(Default)]
struct Held {
    inside: u32,
    /// How many may be, as who came last has it: generations may differ.
    most: u32,
    waiting: VecDeque<oneshot::Sender<()>>,
}

/// An exchange that was let in, until it is dropped.
pub(crate) struct Inside(Arc<Gate>);

impl Gate {
    /// `None` where so many are inside and so many wait already, or nobody has left in time.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        most: u32,
        waiting: u32,
        patience: Duration,
    ) -> Option<Inside> {
        let mut queued = match self.ask(most, waiting)? {
            Ok(inside) => return Some(inside),
            Err(queued) => queued,
        };
        tokio::time::timeout(patience, queued.turn.as_mut()?).await.ok()?.ok()?;
        queued.turn = None;
        Some(Inside(Arc::clone(&queued.gate)))
    }

    fn ask(self: &Arc<Self>, most: u32, waiting: u32) -> Option<Result<Inside, Queued>> {
        let mut held = self.held();
        held.most = most;
        if held.inside < most && held.waiting.is_empty() {
            held.inside += 1;
            return Some(Ok(Inside(Arc::clone(self))));
        }
        if held.waiting.len() >= waiting as usize {
            // Some of them may have given up.
            held.waiting.retain(|turn| !turn.is_closed());
        }
        if held.waiting.len() >= waiting as usize {
            return None;
        }
        let (tell, turn) = oneshot::channel();
        held.waiting.push_back(tell);
        Some(Err(Queued { gate: Arc::clone(self), turn: Some(turn) }))
    }

    /// One has left: the next may come in.
    fn leave(&self) {
        let mut held = self.held();
        while held.inside <= held.most
            && let Some(turn) = held.waiting.pop_front()
        {
            if turn.send(()).is_ok() {
                return;
            }
        }
        held.inside -= 1;
    }

    /// How many are inside, and how many wait.
    pub(crate) fn look(&self) -> (u32, usize) {
        let held = self.held();
        (held.inside, held.waiting.iter().filter(|turn| !turn.is_closed()).count())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// One who waits.
struct Queued {
    gate: Arc<Gate>,
    turn: Option<oneshot::Receiver<()>>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(mut turn) = self.turn.take() {
            turn.close();
            // It was let in at the very moment at which it gave up.
            if turn.try_recv().is_ok() {
                self.gate.leave();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const NOW: Duration = Duration::ZERO;

    #[tokio::test]
    async fn so_many_are_let_in_and_no_more() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(2, 0, SOON).await.unwrap();
        let _second = gate.enter(2, 0, SOON).await.unwrap();
        assert!(gate.enter(2, 0, SOON).await.is_none());
        drop(first);
        assert!(gate.enter(2, 0, SOON).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_another_leaves_and_in_order() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter(1, 2, SOON).await.unwrap();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let wait = |name: &'static str| {
            let (gate, tell) = (Arc::clone(&gate), tell.clone());
            tokio::spawn(async move {
                let _inside = gate.enter(1, 2, SOON).await.unwrap();
                tell.send(name).unwrap();
            })
        };
        let waiting = [wait("first"), wait("second")];
        while gate.look().1 < 2 {
            tokio::task::yield_now().await;
        }
        assert!(gate.enter(1, 2, SOON).await.is_none(), "two wait already");
        drop(inside);
        assert_eq!((told.recv().await, told.recv().await), (Some("first"), Some("second")));
        for waiting in waiting {
            waiting.await.unwrap();
        }
        assert_eq!(gate.look(), (0, 0));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter(1, 1, SOON).await.unwrap();
        assert!(gate.enter(1, 1, NOW).await.is_none());
        assert!(gate.enter(1, 1, NOW).await.is_none(), "its place is free again");
        drop(inside);
        assert_eq!(gate.look(), (0, 0));
        // Let in at the very moment at which it gives up.
        let inside = gate.enter(1, 1, SOON).await.unwrap();
        let Some(Err(queued)) = gate.ask(1, 1) else { panic!("somebody is inside") };
        drop(inside);
        assert_eq!(gate.look().0, 1, "it was let in");
        drop(queued);
        assert_eq!(gate.look(), (0, 0));
    }

    #[tokio::test]
    async fn a_gate_that_was_made_narrower_lets_nobody_in_until_it_holds() {
        let gate = Arc::new(Gate::default());
        let inside = [gate.enter(2, 1, SOON).await.unwrap(), gate.enter(2, 1, SOON).await.unwrap()];
        let Some(Err(_queued)) = gate.ask(1, 1) else { panic!("two are inside") };
        let [first, second] = inside;
        drop(first);
        assert_eq!(gate.look(), (1, 1));
        drop(second);
        assert_eq!(gate.look(), (1, 0), "and then the one who waits");
    }
}
