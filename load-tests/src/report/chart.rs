//! A few kinds of plots, drawn as SVG.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A bar beside its title.
pub(super) struct Bar {
    pub(super) title: String,
    pub(super) value: f64,
    pub(super) is_ours: bool,
}

/// A line through its points, and its title.
pub(super) struct Line {
    pub(super) title: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Horizontal bars, in this order. Nothing is drawn of nothing.
pub(super) fn bars(file: &Path, title: &str, unit: &str, bars: &[Bar]) -> Result<bool> {
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    if bars.is_empty() || most <= 0.0 {
        return Ok(false);
    }
    let rows = i32::try_from(bars.len())?;
    let size = (WIDTH, u32::try_from(TOP + rows * ROW + MARGIN)?);
    let root = SVGBackend::new(file, size).into_drawing_area();
    let draw = || -> Result<(), Box<dyn std::error::Error + '_>> {
        root.fill(&WHITE)?;
        root.draw_text(
            &format!("{title} ({unit})"),
            &text(TITLE, HPos::Left, VPos::Center),
            (MARGIN, TOP / 2),
        )?;
        let room = f64::from(BARS.end - BARS.start);
        for (row, bar) in (0..).zip(bars) {
            let middle = TOP + row * ROW + ROW / 2;
            root.draw_text(&bar.title, &text(TEXT, HPos::Right, VPos::Center), (BARS.start - GAP, middle))?;
            #[expect(clippy::cast_possible_truncation, reason = "a part of the plot's width")]
            let end = BARS.start + (room * bar.value / most).round() as i32;
            let colour = if bar.is_ours { OURS } else { OTHERS };
            let corners = [(BARS.start, middle - ROW / 3), (end, middle + ROW / 3)];
            root.draw(&Rectangle::new(corners, colour.filled()))?;
            root.draw_text(
                &super::number(bar.value),
                &text(TEXT, HPos::Left, VPos::Center),
                (end + GAP, middle),
            )?;
        }
        root.present()?;
        Ok(())
    };
    draw().map_err(|error| undrawn(file, error.as_ref()))?;
    Ok(true)
}

/// Lines over the same axes, with their titles at the right. Nothing is drawn of nothing.
pub(super) fn lines(file: &Path, title: &str, (x, y): &(Axis, Axis), all: &[Line]) -> Result<bool> {
    let shown: Vec<_> = all.iter().filter(|line| !line.points.is_empty()).collect();
    if shown.is_empty() {
        return Ok(false);
    }
    let ticks_x = x.ticks(shown.iter().flat_map(|line| &line.points).map(|(x, _)| *x));
    let ticks_y = y.ticks(shown.iter().flat_map(|line| &line.points).map(|(_, y)| *y));
    let root = SVGBackend::new(file, (WIDTH, HEIGHT)).into_drawing_area();
    let draw = || -> Result<(), Box<dyn std::error::Error + '_>> {
        root.fill(&WHITE)?;
        let (plot, legend) = root.split_horizontally(LEGEND);
        let mut chart = ChartBuilder::on(&plot)
            .caption(title, text(TITLE, HPos::Left, VPos::Center))
            .margin(MARGIN)
            .x_label_area_size(TOP)
            .y_label_area_size(TOP + MARGIN)
            .build_cartesian_2d(ticks_x.clone(), ticks_y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(OTHERS)
            .x_desc(&x.title)
            .y_desc(&y.title)
            .x_label_formatter(&|at| ticks_x.name(*at))
            .y_label_formatter(&|at| ticks_y.name(*at))
            .label_style((FONT, TEXT))
            .draw()?;
        for (line, colour) in shown.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<_> =
                line.points.iter().map(|(at, value)| (x.scaled(*at), y.scaled(*value))).collect();
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
        // From the top, as the lines end.
        let mut order: Vec<_> = shown.iter().zip(COLOURS.iter().cycle()).collect();
        let end = |line: &Line| line.points.last().map_or(0.0, |(_, value)| *value);
        order.sort_by(|(one, _), (other, _)| end(other).total_cmp(&end(one)));
        for (row, (line, colour)) in (0..).zip(order) {
            let middle = TOP + row * ROW;
            let sample = [(0, middle), (2 * GAP, middle)];
            legend.draw(&PathElement::new(sample, colour.stroke_width(3)))?;
            legend.draw_text(&line.title, &text(TEXT, HPos::Left, VPos::Center), (3 * GAP, middle))?;
        }
        root.present()?;
        Ok(())
    };
    draw().map_err(|error| undrawn(file, error.as_ref()))?;
    Ok(true)
}

/// What an axis says.
pub(super) struct Axis {
    title: String,
    /// In place of numbers.
    names: Vec<String>,
    is_log: bool,
}

impl Axis {
    /// From zero.
    pub(super) fn linear(title: &str) -> Self {
        Self { title: title.to_owned(), names: Vec::new(), is_log: false }
    }

    pub(super) fn log(title: &str) -> Self {
        Self { is_log: true, ..Self::linear(title) }
    }

    /// The places 0, 1, 2 … by name.
    pub(super) fn named(title: &str, names: Vec<String>) -> Self {
        Self { names, ..Self::linear(title) }
    }

    /// Where a value is drawn.
    fn scaled(&self, value: f64) -> f64 {
        if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value }
    }

    /// For lines through these values.
    fn ticks(&self, values: impl Iterator<Item = f64>) -> Ticks {
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let marks = if !self.names.is_empty() {
            (0_u32..).map(f64::from).zip(self.names.iter().cloned()).collect()
        } else if self.is_log {
            numbered(decades(least, most))
        } else {
            numbered(steps(most))
        };
        let ends = |value: f64| self.scaled(value);
        let range =
            if self.is_log { ends(least / 1.2)..ends(most * 1.2) } else { 0.0..most.max(1e-9) * 1.05 };
        Ticks { marks: marks.into_iter().map(|(at, name)| (self.scaled(at), name)).collect(), range }
    }
}

/// An axis' range, and what is written where.
#[derive(Clone)]
struct Ticks {
    marks: Vec<(f64, String)>,
    range: Range<f64>,
}

impl Ticks {
    fn name(&self, at: f64) -> String {
        let nearest =
            self.marks.iter().min_by(|(one, _), (other, _)| (one - at).abs().total_cmp(&(other - at).abs()));
        nearest.map(|(_, name)| name.clone()).unwrap_or_default()
    }
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: plotters::coord::ranged1d::KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.iter().map(|(at, _)| *at).filter(|at| self.range.contains(at)).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format(value: &f64) -> String {
        super::number(*value)
    }
}

/// From zero, by ones, twos or fives, so that there are about six.
fn steps(most: f64) -> Vec<f64> {
    let rough = most.max(1e-9) / 6.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0..8).map(|turn| f64::from(turn) * step).collect()
}

/// One, two and five of each power of ten in between.
fn decades(least: f64, most: f64) -> Vec<f64> {
    let ones = (-6..7).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    ones.filter(|tick| (least / 1.2..most * 1.2).contains(tick)).collect()
}

fn numbered(ticks: Vec<f64>) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, plain(tick))).collect()
}

/// 0.05, 2, 10,000: without the digits that only a computation has left.
fn plain(tick: f64) -> String {
    let rounded = (tick * 1e6).round() / 1e6;
    let text = rounded.to_string();
    if rounded < 1000.0 { text } else { super::thousands(&text) }
}

fn text(size: i32, across: HPos, down: VPos) -> TextStyle<'static> {
    TextStyle::from((FONT, size).into_font()).pos(Pos::new(across, down))
}

fn undrawn(file: &Path, error: &dyn std::error::Error) -> anyhow::Error {
    anyhow!("{} can not be drawn: {error}", file.display())
}

const WIDTH: u32 = 960;
const HEIGHT: u32 = 460;
const MARGIN: i32 = 16;
const TOP: i32 = 48;
const ROW: i32 = 26;
const GAP: i32 = 8;
/// Titles are left of it, and values right.
const BARS: Range<i32> = 380..880;
/// Where the titles of lines begin.
const LEGEND: i32 = 640;
const FONT: &str = "sans-serif";
const TITLE: i32 = 20;
const TEXT: i32 = 14;
const OURS: RGBColor = RGBColor(0, 114, 178);
const OTHERS: RGBColor = RGBColor(140, 140, 140);
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Okabe and Ito's, which the colour-blind tell apart, and some more; the first is ours.
const COLOURS: [RGBColor; 12] = [
    OURS,
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(190, 180, 30),
    RGBColor(120, 60, 20),
    RGBColor(110, 60, 170),
    RGBColor(0, 0, 0),
    RGBColor(150, 205, 110),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers_in_their_range() {
        assert_eq!(steps(56.0)[..4], [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(steps(1.1)[..3], [0.0, 0.2, 0.4]);
        assert_eq!(decades(0.3, 12.0), [0.5, 1.0, 2.0, 5.0, 10.0]);
        let ticks = Axis::log("ms").ticks([0.3, 12.0].into_iter());
        assert_eq!(ticks.name(0.7), "5");
        assert_eq!(["0.2", "10,000"], [0.2 + 1e-12, 10_000.0].map(plain).each_ref().map(String::as_str));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let file = Path::new("/nonexistent/plot.svg");
        assert!(!bars(file, "title", "µs", &[]).unwrap());
        let empty = Line { title: "empty".into(), points: Vec::new() };
        let axes = (Axis::linear("x"), Axis::linear("y"));
        assert!(!lines(file, "title", &axes, &[empty]).unwrap());
        let bar = Bar { title: "one".into(), value: 1.0, is_ours: true };
        assert!(bars(file, "title", "µs", &[bar]).unwrap_err().to_string().contains("/nonexistent/plot.svg"));
    }
}
