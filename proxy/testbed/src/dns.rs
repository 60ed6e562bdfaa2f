//! A small name server: answers for the names that it was told, over UDP on the loopback.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A name server in a thread of its own.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    names: Mutex<HashMap<String, Records>>,
    mood: Mutex<Mood>,
    questions: AtomicU64,
    ended: AtomicBool,
}

#[derive(Clone)]
struct Records {
    addresses: Vec<IpAddr>,
    /// In seconds.
    ttl: u32,
}

/// What it does with questions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers them; what it was not told does not exist.
    #[default]
    Answers,
    /// Says that it has failed.
    Fails,
    /// Says nothing.
    Silent,
}

impl NameServer {
    /// One that knows no names yet.
    #[expect(clippy::panic, reason = "for tests: a machine without a free loopback port can run none")]
    #[track_caller]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("no name server could be started: {error}"))
    }

    fn try_start() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // How often it looks whether it is still wanted.
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("name server".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || serve(&socket, &shared)
        })?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this name leads to these addresses, for so many seconds at a time.
    #[expect(clippy::panic, reason = "for tests: the addresses are written there")]
    #[track_caller]
    pub fn set(&self, name: &str, addresses: &[&str], ttl: u32) {
        let parse = |ip: &&str| ip.parse().unwrap_or_else(|_| panic!("`{ip}` is no address"));
        let records = Records { addresses: addresses.iter().map(parse).collect(), ttl };
        self.names().insert(name.to_owned(), records);
    }

    pub fn feel(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How many questions have come in.
    pub fn questions(&self) -> u64 {
        self.shared.questions.load(Ordering::Relaxed)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, HashMap<String, Records>> {
        self.shared.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing left to tell: a panic in there was printed there.
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, shared: &Shared) {
    let mut question = [0; 1500];
    while !shared.ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut question) else { continue };
        shared.questions.fetch_add(1, Ordering::Relaxed);
        let mood = *shared.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let names = shared.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reply = question.get(..length).and_then(|question| reply(question, mood, &names));
        if let Some(reply) = reply {
            // Whoever has asked may have gone.
            let _ = socket.send_to(&reply, from);
        }
    }
}

/// The answer to a question of RFC 1035 section 4.1, if it is one and is to be answered.
fn reply(question: &[u8], mood: Mood, names: &HashMap<String, Records>) -> Option<Vec<u8>> {
    const A: u16 = 1;
    const AAAA: u16 = 28;
    if mood == Mood::Silent {
        return None;
    }
    let (name, after) = name_in(question.get(HEADER..)?)?;
    let asked = question.get(HEADER..HEADER + after + 4)?;
    let kind = u16::from_be_bytes([*asked.get(after)?, *asked.get(after + 1)?]);
    let known = names.get(&name);
    let of_kind = |ip: &&IpAddr| if ip.is_ipv4() { kind == A } else { kind == AAAA };
    let records: Vec<_> = known.iter().flat_map(|known| &known.addresses).filter(of_kind).collect();
    // NOERROR, SERVFAIL, NXDOMAIN.
    let code = match (mood, known) {
        (Mood::Fails, _) => 2,
        (_, Some(_)) => 0,
        (_, None) => 3,
    };
    let records = if code == 0 { records } else { Vec::new() };
    let mut reply = question.get(..2)?.to_vec();
    // A response with authority, recursion desired and available.
    reply.extend([0x85, 0x80 | code, 0, 1]);
    reply.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(asked);
    for record in records {
        // The name is that of the question.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend(1_u16.to_be_bytes());
        reply.extend(known.map_or(0, |known| known.ttl).to_be_bytes());
        let bytes = match record {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        reply.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
        reply.extend(bytes);
    }
    Some(reply)
}

/// The length of a message's header.
const HEADER: usize = 12;

/// The name that these bytes begin with, in lower case, and where it ends.
fn name_in(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if !name.is_empty() {
            name.push('.');
        }
        name += &std::str::from_utf8(bytes.get(at..at + length)?).ok()?.to_lowercase();
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered() {
        let server = NameServer::start();
        server.set("a.example", &["192.0.2.1"], 5);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ask = |question: &[u8]| {
            client.send_to(question, server.address()).unwrap();
            let mut reply = [0; 512];
            let length = client.recv(&mut reply).unwrap();
            reply[..length].to_vec()
        };
        let question = |name: &[u8]| {
            let mut question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
            question.extend(name);
            question.extend(b"\x07example\0\0\x01\0\x01");
            question
        };
        let reply = ask(&question(b"\x01a"));
        assert_eq!(reply[..8], *b"\x12\x34\x85\x80\0\x01\0\x01");
        assert!(reply.ends_with(&[0, 0, 0, 5, 0, 4, 192, 0, 2, 1]), "{reply:?}");
        assert_eq!(ask(&question(b"\x01b"))[3], 0x83);
        server.feel(Mood::Fails);
        assert_eq!(ask(&question(b"\x01a"))[3], 0x82);
        assert_eq!(server.questions(), 3);
    }
}
