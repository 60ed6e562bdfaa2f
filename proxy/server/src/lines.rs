//! The access log's way out: a bounded queue and a thread that writes.
//!
//! A worker never waits for it: where the queue is full, the line is dropped
//! and counted. The thread sleeps while there is no traffic; while there is,
//! it looks every few milliseconds, so that workers pay for no wake-up and one
//! write carries many lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use edgeloom_config::AccessLog as Target;

use crate::limits::{LOG_FLUSH_TIMEOUT, LOG_LINES_MAX, LOG_PAUSE};

/// Where exchanges leave their lines.
#[derive(Clone)]
pub(crate) struct AccessLog {
    queue: Option<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// The file may have been moved away: open it anew.
    Reopen,
}

/// The thread that writes; ends when the last [`AccessLog`] is gone.
pub(crate) struct Writer(Option<JoinHandle<()>>);

/// Opens the log.
///
/// # Errors
///
/// Where the file can not be opened, or a thread not be started.
pub(crate) fn open(target: &Target) -> io::Result<(AccessLog, Writer)> {
    let sink: Box<dyn Sink> = match target {
        Target::Off => {
            return Ok((AccessLog { queue: None, dropped: Arc::default() }, Writer(None)));
        }
        Target::Stdout => Box::new(io::stdout()),
        Target::File(path) => Box::new(LogFile::open(path)?),
    };
    start(sink)
}

fn start(sink: Box<dyn Sink>) -> io::Result<(AccessLog, Writer)> {
    let (queue, lines) = sync_channel(LOG_LINES_MAX);
    let thread =
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || write_all(&lines, sink))?;
    Ok((AccessLog { queue: Some(queue), dropped: Arc::default() }, Writer(Some(thread))))
}

impl AccessLog {
    /// Whether anybody reads the lines: if not, they need not be made.
    pub(crate) fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a line, or drops it where the queue is full. Never waits.
    pub(crate) fn write(&self, line: Vec<u8>) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Line(line))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For those who rotate logs: the file of that name is opened anew.
    pub(crate) fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // A full queue has lines in it that belong in the old file; its next signal will do.
            let _ = queue.try_send(Message::Reopen);
        }
    }

    /// How many lines were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Waits until everything queued is written, but not for a reader that has stopped reading.
    pub(crate) fn finish(self) {
        let Some(thread) = self.0 else { return };
        let deadline = Instant::now() + LOG_FLUSH_TIMEOUT;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::park_timeout(LOG_PAUSE);
        }
    }
}

/// What lines are written to.
trait Sink: Write + Send {
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for io::Stdout {}

struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for LogFile {
    fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

fn write_all(lines: &Receiver<Message>, mut sink: Box<dyn Sink>) {
    let mut batch = Vec::with_capacity(BATCH);
    // Sleeps here while there is no traffic.
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            take(message, &mut batch, &mut *sink);
            next = lines.try_recv().ok();
            if next.is_none() || batch.len() >= BATCH {
                write_out(&mut batch, &mut *sink);
            }
            if next.is_none() {
                std::thread::park_timeout(LOG_PAUSE);
                next = lines.try_recv().ok();
            }
        }
    }
}

fn take(message: Message, batch: &mut Vec<u8>, sink: &mut dyn Sink) {
    match message {
        Message::Line(line) => batch.extend_from_slice(&line),
        Message::Reopen => {
            write_out(batch, sink);
            if let Err(error) = sink.reopen() {
                tracing::warn!(%error, "the access log could not be opened anew; the old file is used on");
            }
        }
    }
}

fn write_out(batch: &mut Vec<u8>, sink: &mut dyn Sink) {
    // A full disk or a closed pipe is no reason to stop serving.
    let _ = sink.write_all(batch).and_then(|()| sink.flush());
    batch.clear();
}

/// Some hundred lines: what one write may carry.
const BATCH: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper {
        text: Arc<(Mutex<String>, Condvar)>,
        stuck: Arc<Mutex<()>>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.stuck.lock().unwrap());
            self.text.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            self.text.1.notify_all();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Paper {}

    #[test]
    fn lines_are_written_in_order() {
        let paper = Paper::default();
        let (log, writer) = start(Box::new(paper.clone())).unwrap();
        for n in 0..100 {
            log.write(format!("{n}\n").into_bytes());
        }
        drop(log);
        writer.finish();
        let expected: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(*paper.text.0.lock().unwrap(), expected);
    }

    #[test]
    fn a_reader_that_stops_costs_lines_and_nobody_waits() {
        let paper = Paper::default();
        let stuck = paper.stuck.clone();
        let held = stuck.lock().unwrap();
        let (log, writer) = start(Box::new(paper.clone())).unwrap();
        let sent = 2 * LOG_LINES_MAX as u64 + BATCH as u64;
        for _ in 0..sent {
            log.write(b"x\n".to_vec());
        }
        let dropped = log.dropped();
        assert!(dropped > 0);
        drop(held);
        drop(log);
        writer.finish();
        assert_eq!(paper.text.0.lock().unwrap().len() as u64, 2 * (sent - dropped));
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let (log, writer) = open(&Target::File(path.clone())).unwrap();
        log.write(b"old\n".to_vec());
        while std::fs::read(&path).unwrap().is_empty() {
            std::thread::yield_now();
        }
        std::fs::rename(&path, &moved).unwrap();
        log.reopen();
        log.write(b"new\n".to_vec());
        drop(log);
        writer.finish();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "old\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
    }
}
