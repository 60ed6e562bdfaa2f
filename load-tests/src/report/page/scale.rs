//! What many tenants take, and many routes.

use super::{Table, cell};
use crate::samples::{Figure, Samples, Spot};
use crate::study::{Study, tenants};
use crate::verdict::MEBIBYTE;

pub(super) fn table(samples: &Samples) -> Table {
    let mut table = Table::new(&[
        "",
        "how many",
        "first answer, ms",
        "memory, MiB",
        "peak, MiB",
        "swap, ms",
        "p50, ms",
        "p99.9, ms",
        "CPU µs/request",
    ]);
    for who in tenants::SERIES {
        for at in samples.places(Study::Tenants, who) {
            let median = |figure| samples.median(Study::Tenants, Spot(who, at), figure);
            let mebibytes = |figure| cell(median(figure).map(|bytes| bytes / MEBIBYTE));
            let figures = [
                at.to_string(),
                cell(median(Figure::FirstAnswer)),
                mebibytes(Figure::Memory),
                mebibytes(Figure::PeakMemory),
                cell(median(Figure::Swap)),
                cell(median(Figure::P50)),
                cell(median(Figure::P999)),
                cell(median(Figure::Cpu)),
            ];
            table.row(who.to_owned(), figures);
        }
    }
    table
}
