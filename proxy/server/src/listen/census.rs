//! How many connections there are: of all clients, and of each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Shutdown};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use edgeloom_core::wire::announcement::party;

use super::cut::{Wire, Wires};

/// The connections that are open, over all listeners.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Census>);

#[derive(Default)]
struct Census {
    all: AtomicUsize,
    /// In shards, so that two that connect at one time seldom meet.
    of_clients: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
    wires: Arc<Wires>,
}

const SHARDS: usize = 16;

impl Connections {
    pub(crate) fn count(&self) -> usize {
        self.0.all.load(Ordering::Acquire)
    }

    /// Counts one more until it is dropped; `None` where there are as many already.
    pub(super) fn open(&self, most: u32) -> Option<OpenConnection> {
        let before = self.0.all.fetch_add(1, Ordering::AcqRel);
        let open = OpenConnection(self.clone());
        (before < most as usize).then_some(open)
    }

    /// The same, of one client.
    pub(super) fn open_of(&self, client: IpAddr, most: u32) -> Option<OpenOfClient> {
        let party = party(client);
        let mut count = self.shard(party).lock().unwrap_or_else(PoisonError::into_inner);
        let count = count.entry(party).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(OpenOfClient(self.clone(), party))
    }

    /// From now on it is among those that [`Self::cut`] ends.
    pub(super) fn hold(&self, connection: RawFd) -> Wire {
        self.0.wires.holding(connection)
    }

    /// Ends what comes from clients, or all that passes between them and us.
    pub(crate) fn cut(&self, how: Shutdown) {
        self.0.wires.cut(how);
    }

    fn shard(&self, party: IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        let mixed = match party {
            IpAddr::V4(address) => address.octets().into_iter().fold(0, |mixed: u8, byte| mixed ^ byte),
            IpAddr::V6(address) => address.octets().into_iter().fold(0, |mixed: u8, byte| mixed ^ byte),
        };
        let [first, ..] = &self.0.of_clients;
        self.0.of_clients.get(usize::from(mixed) % SHARDS).unwrap_or(first)
    }
}

/// What a connection takes of all that there may be, for as long as it lasts.
pub(super) struct Room {
    pub(super) _open: OpenConnection,
    /// Not of those who stand for many.
    pub(super) _of_client: Option<OpenOfClient>,
    /// Once there may be exchanges on it.
    pub(super) wire: Option<Wire>,
}

/// One of the connections counted.
pub(super) struct OpenConnection(Connections);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.all.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One of the connections of a client.
pub(super) struct OpenOfClient(Connections, IpAddr);

impl Drop for OpenOfClient {
    fn drop(&mut self) {
        let mut counts = self.0.shard(self.1).lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.1) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_connections_is_bounded() {
        let connections = Connections::default();
        let open: Vec<_> = (0..5).map_while(|_| connections.open(5)).collect();
        assert_eq!((open.len(), connections.count()), (5, 5));
        assert!(connections.open(5).is_none());
        drop(open);
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn every_client_has_a_number_of_its_own_and_leaves_nothing() {
        let connections = Connections::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let of = |text: &str| connections.open_of(address(text), 2);
        let open =
            [of("203.0.113.7"), of("203.0.113.7"), of("203.0.113.8"), of("2001:db8::1"), of("2001:db8::2")];
        assert!(open.iter().all(Option::is_some));
        for full in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::3"] {
            assert!(of(full).is_none(), "{full}");
        }
        assert!(of("2001:db8:0:1::3").is_some() && of("203.0.113.9").is_some());
        drop(open);
        assert!(connections.0.of_clients.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
