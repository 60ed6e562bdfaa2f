//! The page: what was promised, then study by study a plot and a table.

mod scale; // many tenants, many routes

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Report, number, shown, thousands};
use crate::samples::{Figure, Samples, Spot};
use crate::study::connections::Secure;
use crate::study::{Study, contenders, filters, swaps, workers};
use crate::verdict::{MEBIBYTE, per_connection};

/// `plots` are the files that were drawn, by study.
pub(super) fn text(report: &Report, plots: &BTreeMap<Study, &'static str>) -> String {
    let mut text = opening(report);
    text += &promises(report);
    for (study, section) in SECTIONS {
        let table = section(&report.samples);
        if table.rows.is_empty() {
            continue;
        }
        let (title, about) = words(study);
        let _ = write!(text, "\n## {title}\n\n{about}\n\n");
        if let Some(plot) = plots.get(&study) {
            let _ = write!(text, "![{title}]({plot})\n\n");
        }
        text += &table.text();
    }
    text += &blemishes(report);
    text + READING
}

type Section = (Study, fn(&Samples) -> Table);

const SECTIONS: [Section; 11] = [
    (Study::Contenders, cost),
    (Study::Latency, latency),
    (Study::Filters, |samples| by_place(samples, Study::Filters, &SMALL, "filters")),
    (Study::Settings, |samples| by_place(samples, Study::Settings, &SMALL, "KiB of settings")),
    (Study::Workers, by_workers),
    (Study::Swaps, through_swaps),
    (Study::Connections, by_connections),
    (Study::Start, |samples| one_figure(samples, Study::Start, Figure::FirstAnswer, 1.0, "first answer, ms")),
    (Study::Idle, |samples| one_figure(samples, Study::Idle, Figure::Memory, MEBIBYTE, "memory, MiB")),
    (Study::Tenants, scale::table),
    (Study::Ceiling, |samples| {
        one_figure(samples, Study::Ceiling, Figure::PerSecond, 1.0, "requests a second")
    }),
];

const SMALL: [(&str, &str); 2] = [(filters::FRESH, "fresh, µs"), (filters::REUSE, "reuse, µs")];

fn words(study: Study) -> (&'static str, &'static str) {
    match study {
        Study::Contenders => (
            "The same job, by everybody",
            "User and system time of all the contender's processes for each request: median (lowest–highest round). Requests a second are what oha got while it and the origins shared the other core: the ceiling, below, is the most that they can do.",
        ),
        Study::Latency => (
            "Latency at a fixed rate",
            "In ms, at the same number of requests a second for everybody, each counted from the moment at which it was due.",
        ),
        Study::Filters => (
            "One more filter",
            "CPU µs for each request, by the number of small filters (one header read, one edit) in the chain.",
        ),
        Study::Settings => (
            "Larger settings",
            "CPU µs for each request with one small filter whose image holds settings of so many KiB, which it does not read.",
        ),
        Study::Workers => (
            "One worker and two",
            "On all cores, load and origins among them. `burning` is one small filter that takes some milliseconds, so that load and origins hardly count; the job shares two cores with them, and its CPU time is what tells.",
        ),
        Study::Swaps => (
            "Through a swap storm",
            "Latency in ms at a fixed rate while configurations and modules are swapped all the time, against the same without.",
        ),
        Study::Connections => (
            "Idle connections",
            "Memory (PSS) by the number of connections that have had one exchange and now lie idle; the last column is KiB for each. What the kernel holds for a socket is not in it.",
        ),
        Study::Start => (
            "From the start to the first filtered answer",
            "From the start of the process, with whatever it keeps from an earlier start, the whole geo database included.",
        ),
        Study::Idle => ("Idle memory", "PSS after a few requests, with a geo database of a few ranges."),
        Study::Tenants => (
            "Many tenants, many routes",
            "Each tenant has ten filters from five modules, two hosts, two clusters and four routes, all of its own; the edge has all cores, of which it needs one to serve. The first answer is the last tenant's, from the start of the process. A swap takes from the moment at which the file is written to the next answer, at a fixed rate of requests of another tenant. Routes are without filters, a hundred for each host, asked in no order by one client.",
        ),
        Study::Ceiling => (
            "The ceiling",
            "oha and the origin without anybody between them, where they always are; and what would be left of that with a common origin, on hyper.",
        ),
    }
}

fn opening(report: &Report) -> String {
    let (machine, how) = (&report.machine, &report.conditions);
    let place = if machine.cores > 1 {
        "The contender has one core to itself; oha, the origins and the bench share the rest."
    } else {
        "There is one core, which the contender shares with oha and the origins: read the ratios only."
    };
    format!(
        "# What Edgeloom costs, and what others do\n\n\
        Written by `cargo xtask bench`; [data.json](data.json) has every round.\n\n\
        {machine}.\n{place}\n\
        {oha}, {visitors} processes with {connections} connections in all, each process a visitor with an address of \
        its own, others in each round, drawn from the {ranges} ranges of the geo database.\n\
        {rounds} interleaved rounds of {seconds} s, medians; ratios are medians of each round's.\n\
        Latencies at {rate} requests a second; in the storm, a swap every {swap_every} ms.\n\
        Beside Edgeloom: {versions}.\n\
        Answers have 1 KiB, requests fourteen header lines. Geo data: [IP Geolocation by DB-IP](https://db-ip.com), CC BY 4.0.\n",
        versions = how.versions.join(", "),
        swap_every = how.swap_every_ms,
        oha = how.oha,
        visitors = how.visitors,
        connections = how.connections,
        ranges = thousands(&how.ranges.to_string()),
        rounds = how.rounds,
        seconds = how.seconds,
        rate = how.rate,
    )
}

fn promises(report: &Report) -> String {
    let mut table = Table::new(&["bound", "measured", "limit", ""]);
    for bound in &report.bounds {
        let (measured, limit) = shown(bound);
        table.row(bound.what.clone(), [measured, limit, bound.verdict().to_string()]);
    }
    format!("\n## What was promised\n\n{}", table.text())
}

fn cost(samples: &Samples) -> Table {
    let mut table = Table::new(&["contender", "CPU µs/request", "requests/s", "peak MiB"]);
    for contender in contenders::all() {
        let name = contender.name();
        let spot = Spot(&name, 0);
        let median = |figure| samples.median(Study::Contenders, spot, figure);
        if let Some(cpu) = spread(samples, Study::Contenders, spot, Figure::Cpu) {
            let peak = median(Figure::PeakMemory).map(|bytes| bytes / MEBIBYTE);
            table.row(contender.title(), [cpu, cell(median(Figure::PerSecond)), cell(peak)]);
        }
    }
    table
}

fn latency(samples: &Samples) -> Table {
    percentiles(
        samples,
        Study::Latency,
        contenders::all().iter().map(|contender| (contender.name(), contender.title())),
    )
}

fn through_swaps(samples: &Samples) -> Table {
    let series = [(swaps::QUIET, "quiet"), (swaps::STORM, "swaps all the time")];
    percentiles(
        samples,
        Study::Swaps,
        series.into_iter().map(|(who, title)| (who.to_owned(), title.to_owned())),
    )
}

fn percentiles(samples: &Samples, study: Study, series: impl Iterator<Item = (String, String)>) -> Table {
    let mut table = Table::new(&["", "p50", "p90", "p99", "p99.9", "CPU µs/request"]);
    for (who, title) in series {
        let median = |figure| samples.median(study, Spot(&who, 0), figure);
        if median(Figure::P50).is_some() {
            let figures = [Figure::P50, Figure::P90, Figure::P99, Figure::P999, Figure::Cpu];
            table.row(title, figures.map(|figure| cell(median(figure))));
        }
    }
    table
}

fn by_place(samples: &Samples, study: Study, series: &[(&str, &str); 2], axis: &str) -> Table {
    let [(fresh, fresh_title), (reuse, reuse_title)] = series;
    let mut table = Table::new(&[axis, fresh_title, reuse_title]);
    for at in samples.places(study, fresh) {
        let cpu = |who| spread(samples, study, Spot(who, at), Figure::Cpu).unwrap_or_default();
        table.row(at.to_string(), [cpu(fresh), cpu(reuse)]);
    }
    table
}

fn by_workers(samples: &Samples) -> Table {
    let mut table = Table::new(&["", "workers", "requests/s", "CPU µs/request"]);
    for (who, title) in [(workers::BURNING, "burning"), (workers::JOB, "the job, reuse")] {
        for at in samples.places(Study::Workers, who) {
            let median = |figure| cell(samples.median(Study::Workers, Spot(who, at), figure));
            table.row(title.to_owned(), [at.to_string(), median(Figure::PerSecond), median(Figure::Cpu)]);
        }
    }
    table
}

fn by_connections(samples: &Samples) -> Table {
    let mut table = Table::new(&["contender", "MiB, by connections", "KiB each"]);
    let contenders = contenders::all().into_iter().map(|contender| (contender.name(), contender.title()));
    let secure = Secure::ALL.map(|series| (series.name().to_owned(), series.title().to_owned()));
    for (name, title) in contenders.chain(secure) {
        let memory = |at: usize| samples.median(Study::Connections, Spot(&name, at), Figure::Memory);
        let places = samples.places(Study::Connections, &name);
        let each: Vec<_> = places
            .iter()
            .map(|at| format!("{at}: {}", cell(memory(*at).map(|bytes| bytes / MEBIBYTE))))
            .collect();
        if !each.is_empty() {
            table.row(title, [each.join(", "), cell(per_connection(samples, &name))]);
        }
    }
    table
}

fn one_figure(samples: &Samples, study: Study, figure: Figure, unit: f64, title: &str) -> Table {
    let mut table = Table::new(&["", title]);
    let mut titles: BTreeMap<String, String> =
        contenders::all().iter().map(|contender| (contender.name(), contender.title())).collect();
    titles.extend([contenders::LOAD, contenders::COMMON].map(|who| (who.to_owned(), who.to_owned())));
    let mut rows: Vec<_> = titles
        .into_iter()
        .filter_map(|(who, title)| Some((samples.median(study, Spot(&who, 0), figure)? / unit, title)))
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    for (value, title) in rows {
        table.row(title, [number(value)]);
    }
    table
}

/// What should not have happened.
fn blemishes(report: &Report) -> String {
    let mut sums: BTreeMap<(Study, &str, &str), u64> = BTreeMap::new();
    for sample in report.samples.iter() {
        for (what, count) in &sample.errors {
            *sums.entry((sample.study, &sample.who, what)).or_default() += count;
        }
    }
    let mut text = "\n## Errors, and who was left out\n\n".to_owned();
    for ((study, who, what), count) in &sums {
        let _ = writeln!(text, "- {study:?}, {who}: {count} × {what}");
    }
    for (who, why) in &report.left_out {
        let _ = writeln!(text, "- {who} was left out: {why}");
    }
    if sums.is_empty() && report.left_out.is_empty() {
        text += "None, and nobody.\n";
    }
    text
}

/// The median, and how far the rounds lie apart.
fn spread(samples: &Samples, study: Study, spot: Spot<'_>, figure: Figure) -> Option<String> {
    let median = samples.median(study, spot, figure)?;
    let rounds = samples.rounds(study, spot, figure);
    let least = rounds.values().copied().fold(f64::INFINITY, f64::min);
    let most = rounds.values().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(format!("{} ({}–{})", number(median), number(least), number(most)))
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    fn row(&mut self, first: String, rest: impl IntoIterator<Item = String>) {
        self.rows.push([first].into_iter().chain(rest).collect());
    }

    fn text(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.head.len()));
        line(&self.head) + &rule + &self.rows.iter().map(|row| line(row)).collect::<String>()
    }
}

const READING: &str = "
## Reading it

- Absolute times are this machine's; the ratios are what carries over.
- Everybody has one worker (a thread or a process), keep-alive on both sides, and no access log.
- Before a contender's time is taken it is seen doing its job from both ends: what the origin was asked, what the visitor was told, with and without a cookie, with forged headers, from everywhere.
- CPU time is the kernel's count in ticks of 10 ms over several seconds. A contender that is faster than load and origin together is not busy all the time, and then pays a little more for each request because it is woken more often.
- A visitor's cookie is the one that the contender itself has set.
";
