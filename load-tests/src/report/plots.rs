//! Which plots there are.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::chart::{Axis, Bar, Line, bars, lines};
use crate::contender::Contender;
use crate::samples::{Figure, Samples, Spot};
use crate::study::connections::Secure;
use crate::study::{Study, contenders, filters, swaps, workers};
use crate::verdict::MEBIBYTE;

/// Those of which there is something to draw; the files, by study.
pub(super) fn draw(samples: &Samples, folder: &Path) -> Result<BTreeMap<Study, &'static str>> {
    let mut drawn = BTreeMap::new();
    for (study, name, plot) in PLOTS {
        if plot(samples, &folder.join(name))? {
            drawn.insert(study, name);
        }
    }
    Ok(drawn)
}

type Plot = (Study, &'static str, fn(&Samples, &Path) -> Result<bool>);

const PLOTS: [Plot; 8] = [
    (Study::Contenders, "cost.svg", cost),
    (Study::Latency, "latency.svg", latency),
    (Study::Filters, "filters.svg", by_filters),
    (Study::Settings, "settings.svg", by_settings),
    (Study::Workers, "workers.svg", by_workers),
    (Study::Swaps, "swaps.svg", through_swaps),
    (Study::Connections, "connections.svg", by_connections),
    (Study::Start, "start.svg", start),
];

fn cost(samples: &Samples, file: &Path) -> Result<bool> {
    bars(file, "CPU for each request, one worker", "µs", &of_all(samples, Study::Contenders, Figure::Cpu))
}

fn start(samples: &Samples, file: &Path) -> Result<bool> {
    let bars_of = of_all(samples, Study::Start, Figure::FirstAnswer);
    bars(file, "From the start of the process to the first filtered answer", "ms", &bars_of)
}

fn of_all(samples: &Samples, study: Study, figure: Figure) -> Vec<Bar> {
    let bar = |contender: Contender| {
        let value = samples.median(study, Spot(&contender.name(), 0), figure)?;
        Some(Bar { title: contender.title(), value, is_ours: matches!(contender, Contender::Edge(_)) })
    };
    let mut bars: Vec<_> = contenders::all().into_iter().filter_map(bar).collect();
    bars.sort_by(|one, other| one.value.total_cmp(&other.value));
    bars
}

fn latency(samples: &Samples, file: &Path) -> Result<bool> {
    let series = contenders::all().into_iter().map(|contender| (contender.name(), contender.title()));
    let axes = (percents(), Axis::log("ms"));
    lines(file, "Latency at a fixed rate", &axes, &percentiles(samples, Study::Latency, series))
}

fn through_swaps(samples: &Samples, file: &Path) -> Result<bool> {
    let series = [(swaps::QUIET, "quiet"), (swaps::STORM, "swaps all the time")];
    let series = series.into_iter().map(|(who, title)| (who.to_owned(), title.to_owned()));
    let axes = (percents(), Axis::log("ms"));
    lines(file, "Latency through a swap storm", &axes, &percentiles(samples, Study::Swaps, series))
}

/// As far as each round has requests enough for.
const SHOWN: [(Figure, &str); 7] = [
    (Figure::P50, "p50"),
    (Figure::P75, "p75"),
    (Figure::P90, "p90"),
    (Figure::P95, "p95"),
    (Figure::P99, "p99"),
    (Figure::P995, "p99.5"),
    (Figure::P999, "p99.9"),
];

fn percents() -> Axis {
    Axis::named("percentile", SHOWN.iter().map(|(_, name)| (*name).to_owned()).collect())
}

fn percentiles(samples: &Samples, study: Study, series: impl Iterator<Item = (String, String)>) -> Vec<Line> {
    let line = |(who, title): (String, String)| Line {
        title,
        points: (0_u32..)
            .zip(SHOWN)
            .filter_map(|(place, (figure, _))| {
                Some((place.into(), samples.median(study, Spot(&who, 0), figure)?))
            })
            .collect(),
    };
    series.map(line).collect()
}

fn by_filters(samples: &Samples, file: &Path) -> Result<bool> {
    let mut all = small(samples, Study::Filters, |_place, at| at);
    let end = all.iter().flat_map(|line| &line.points).map(|(at, _)| *at).fold(0.0, f64::max);
    let pingora = contenders::PINGORA;
    if let Some(bare) = samples.median(Study::Filters, Spot(&pingora.name(), 0), Figure::Cpu) {
        all.push(Line { title: pingora.title(), points: vec![(0.0, bare), (end, bare)] });
    }
    let axes = (Axis::linear("small filters in the chain"), Axis::linear("CPU µs/request"));
    lines(file, "Cost against the number of filters", &axes, &all)
}

fn by_settings(samples: &Samples, file: &Path) -> Result<bool> {
    let places = samples.places(Study::Settings, filters::FRESH);
    let names = places.iter().map(|kib| format!("{kib} KiB")).collect();
    let axes = (Axis::named("settings of one small filter", names), Axis::linear("CPU µs/request"));
    lines(
        file,
        "Cost against the size of settings",
        &axes,
        &small(samples, Study::Settings, |place, _at| place),
    )
}

/// Of both kinds of instances; `x` is made of the place's number and of what stands there.
fn small(samples: &Samples, study: Study, x: impl Fn(f64, f64) -> f64) -> Vec<Line> {
    let line = |(who, title): (&str, &str)| Line {
        title: title.to_owned(),
        points: (0_u32..)
            .zip(samples.places(study, who))
            .filter_map(|(place, at)| {
                Some((x(place.into(), float(at)), samples.median(study, Spot(who, at), Figure::Cpu)?))
            })
            .collect(),
    };
    [(filters::FRESH, "fresh instances"), (filters::REUSE, "instances used again")].map(line).into()
}

fn by_workers(samples: &Samples, file: &Path) -> Result<bool> {
    let series = [
        (workers::BURNING, "a filter of some milliseconds"),
        (workers::JOB, "the job, with load on the same cores"),
    ];
    let mut all = Vec::new();
    for (who, title) in series {
        for at in samples.places(Study::Workers, who) {
            let spots = (Spot(who, at), Spot(who, 1));
            let ratio = samples.ratio(Study::Workers, spots.0, spots.1, Figure::PerSecond);
            let title = format!("{title}, {at} {}", if at == 1 { "worker" } else { "workers" });
            all.extend(ratio.map(|value| Bar { title, value, is_ours: who == workers::BURNING }));
        }
    }
    bars(file, "Throughput against workers, on two cores", "times that of one worker", &all)
}

fn by_connections(samples: &Samples, file: &Path) -> Result<bool> {
    let line = |(name, title): (String, String)| {
        let memory = |at| samples.median(Study::Connections, Spot(&name, at), Figure::Memory);
        let points = samples.places(Study::Connections, &name).into_iter();
        Line { title, points: points.filter_map(|at| Some((float(at), memory(at)? / MEBIBYTE))).collect() }
    };
    let contenders = contenders::all().into_iter().map(|contender| (contender.name(), contender.title()));
    let secure = Secure::ALL.map(|series| (series.name().to_owned(), series.title().to_owned()));
    let all: Vec<_> = contenders.chain(secure).map(line).collect();
    let axes = (Axis::linear("idle connections"), Axis::linear("memory, MiB"));
    lines(file, "Memory against idle connections", &axes, &all)
}

fn float(count: usize) -> f64 {
    crate::measure::count(u64::try_from(count).unwrap_or(u64::MAX))
}
