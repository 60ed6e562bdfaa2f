//! Running until it is told to end, and telling what the edge has to say.

use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use anyhow::{Result, bail};
use edgeloom_testbed::Lines;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::world::World;
use crate::{Arguments, curls, say};

enum News {
    /// A line of the edge's log.
    Line(Value),
    EdgeEnded,
    ToldToEnd,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let world = World::as_written(arguments)?;
    let seen = world.edge.log().count();
    curls::print(&world, arguments)?;

    let (tell, news) = channel();
    watch_signals(tell.clone())?;
    follow(world.edge.log().clone(), seen, tell)?;
    for news in news {
        match news {
            News::Line(line) => say(&format!("edge: {}", sentence(&line))),
            News::EdgeEnded => bail!("the edge has ended"),
            News::ToldToEnd => break,
        }
    }
    say("\nending …");
    // Where the signal went to the whole process group, the edge has it already.
    world.edge.end(Duration::from_secs(5))?;
    Ok(())
}

/// What people read of a line: its message, and the reason for it, if there is one.
fn sentence(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let reason = text("reason").or_else(|| text("error"));
    match (text("message"), reason) {
        (Some(message), Some(reason)) => format!("{message}:\n{}", reason.trim_end()),
        (Some(message), None) => message.to_owned(),
        (None, _) => line.as_str().map_or_else(|| line.to_string(), str::to_owned),
    }
}

fn follow(log: Lines, mut seen: usize, tell: Sender<News>) -> Result<()> {
    Builder::new().name("edge log".into()).spawn(move || {
        while let Some(line) = log.wait(seen, FOREVER, |_| true) {
            seen += 1;
            if tell.send(News::Line(line)).is_err() {
                return;
            }
        }
        // Nobody listens any more where we are ending ourselves.
        let _ = tell.send(News::EdgeEnded);
    })?;
    Ok(())
}

fn watch_signals(tell: Sender<News>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Registered before we go on, so that nothing ends us without the edge from now on.
    let [mut interrupt, mut terminate, mut hangup] = runtime.block_on(async {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        std::io::Result::Ok([interrupt?, terminate?, hangup?])
    })?;
    Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let _ = tell.send(News::ToldToEnd);
    })?;
    Ok(())
}

/// Longer than any demo.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_the_log_becomes_a_sentence() {
        let line = json!({ "level": "INFO", "message": "generation 7 is live", "generation": 7 });
        assert_eq!(sentence(&line), "generation 7 is live");
        let line = json!({ "message": "swap refused", "reason": "error: no\n --> here\n" });
        assert_eq!(sentence(&line), "swap refused:\nerror: no\n --> here");
        assert_eq!(sentence(&json!("plain")), "plain");
    }
}
