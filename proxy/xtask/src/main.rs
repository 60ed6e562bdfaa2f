//! What CI and people run: `cargo xtask …`.

mod bench;
mod bench_smoke;
mod ci;
mod clients;
mod command;
mod compiler;
mod counts;
mod demo;
mod filters;
mod fuzz;
mod house;
mod install;
mod load_test;
mod peers;
mod portions;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use house::House;

/// Builds, shows, tests and checks Edgeloom.
///
/// Each task first sets up what it needs on this machine (it says what it installs), and is quick
/// the second time. Start with `cargo xtask demo`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Demo(demo::Demo),
    Test(test::Test),
    Filters(filters::Filters),
    LoadTest(load_test::LoadTest),
    Bench(bench::Bench),
    BenchSmoke(bench_smoke::BenchSmoke),
    Counts(counts::Counts),
    Fuzz(fuzz::Fuzz),
    Setup(setup::Setup),
    Tidy(tidy::Tidy),
    Ci(ci::Ci),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let house = House::open()?;
    match task {
        Task::Demo(demo) => demo.run(&house),
        Task::Test(test) => test.run(&house),
        Task::Filters(filters) => filters.run(&house),
        Task::LoadTest(load_test) => load_test.run(&house),
        Task::Bench(bench) => bench.run(&house),
        Task::BenchSmoke(bench_smoke) => bench_smoke.run(&house),
        Task::Counts(counts) => counts.run(&house),
        Task::Fuzz(fuzz) => fuzz.run(&house),
        Task::Setup(setup) => setup.run(&house),
        Task::Tidy(tidy) => tidy.run(&house),
        Task::Ci(ci) => ci.run(&house),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, Task};

    #[test]
    fn the_arguments_are_well_formed_and_each_task_explains_itself() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for task in command.get_subcommands() {
            let about = task.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.len() > 200, "{} explains itself too briefly", task.get_name());
        }
    }

    #[test]
    fn what_follows_a_passing_task_is_passed_on() {
        let arguments = Arguments::parse_from(["xtask", "test", "-p", "edgeloom-core", "--", "--nocapture"]);
        let Task::Test(test) = arguments.task else { panic!("not a test") };
        assert_eq!(test.arguments, ["-p", "edgeloom-core", "--", "--nocapture"]);
        let arguments = Arguments::parse_from(["xtask", "load-test", "--seconds", "5"]);
        let Task::LoadTest(load_test) = arguments.task else { panic!("not a load test") };
        assert_eq!(load_test.arguments, ["--seconds", "5"]);
    }
}
