//! A peer that is running.

use std::io::{PipeReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Dropping it ends it and waits for it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Its first process: what it costs is what that and its descendants cost.
    pub(crate) pid: u32,
    child: Child,
    /// What it printed, when all of its processes have ended.
    end: Receiver<String>,
}

impl Running {
    /// Starts it, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// Where it can not be run, or ends, or takes too long: with what it printed.
    pub(super) fn start(command: &mut Command, address: SocketAddr) -> Result<Self> {
        let (output, input) = std::io::pipe()?;
        command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
        let program = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("{} can not be run", program.display()))?;
        // The command's own ends of the pipe would keep it open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let running = Self { address, pid: child.id(), child, end: heard_out(output)? };
        running.wait()?;
        Ok(running)
    }

    fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            match self.end.recv_timeout(PAUSE) {
                Ok(said) => bail!("it ended: {}", said.trim()),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended"),
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > PATIENCE => {
                    bail!("it does not listen on {} within {} s", self.address, PATIENCE.as_secs())
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Until it has been waited for, nobody else gets its number; it may have ended by itself. All of
        // them end at this one at once, while Pingora waits for minutes after a polite one.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        if self.end.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Reads all that it prints, and keeps what it printed last.
fn heard_out(mut output: PipeReader) -> Result<Receiver<String>> {
    let (told, end) = channel();
    thread::Builder::new().name("peer".to_owned()).spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0; 4096];
        // A pipe that can not be read any more has ended.
        while let Ok(length @ 1..) = output.read(&mut piece) {
            kept.extend_from_slice(piece.get(..length).unwrap_or_default());
            let surplus = kept.len().saturating_sub(KEPT_MAX);
            kept.drain(..surplus);
        }
        // Nobody listens any more where it was waited for in vain.
        let _ = told.send(String::from_utf8_lossy(&kept).into_owned());
    })?;
    Ok(end)
}

/// A screen or two: programs say last what was wrong.
const KEPT_MAX: usize = 8 * 1024;
/// Short, as the time to the first answer is measured too.
const PAUSE: Duration = Duration::from_millis(1);
/// For what is slowest to start, with a large map, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// To end.
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::free_address;

    fn shell(script: &str) -> Result<Running> {
        Running::start(Command::new("sh").args(["-c", script]), free_address().unwrap())
    }

    #[test]
    fn one_that_ends_is_quoted() {
        let error = shell("echo what it lacks >&2; exit 1").err().unwrap();
        assert_eq!(error.to_string(), "it ended: what it lacks");
        let error = Running::start(&mut Command::new("/nonexistent"), free_address().unwrap());
        assert_eq!(error.err().unwrap().to_string(), "/nonexistent can not be run");
    }

    #[test]
    fn only_the_last_of_much_is_kept() {
        let error = shell("yes | head -n 100000; echo at last").err().unwrap().to_string();
        assert!(error.ends_with("at last") && error.len() < KEPT_MAX + 100, "{}", error.len());
    }

    #[test]
    fn one_that_listens_is_ended_with_all_its_processes() {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address().unwrap());
        let ready = folder.path().join("ready");
        assert!(Command::new("mkfifo").arg(&ready).status().unwrap().success());
        let mut command = Command::new("sh");
        command.args(["-c", r#"sleep 600 & trap 'kill $!; exit' INT; echo > "$0"; wait"#]).arg(&ready);
        // It listens when its trap is set: a shell that is interrupted before leaves what it began.
        let listener = thread::spawn(move || {
            assert_eq!(std::fs::read(ready).unwrap(), b"\n");
            std::net::TcpListener::bind(address)
        });
        let running = Running::start(&mut command, address).unwrap();
        let listener = listener.join().unwrap().unwrap();
        let begun = Instant::now();
        drop(running);
        assert!(begun.elapsed() < GRACE, "it had to be killed");
        drop(listener);
    }
}
