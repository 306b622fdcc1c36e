//! A bar chart of a section: each row, what it is compared with, and where its goals are.

use plotters::{
    prelude::{DrawingArea, IntoDrawingArea, IntoFont, PathElement, Rectangle, SVGBackend, Text},
    style::{
        Color, FontStyle, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{
    results::{Line, Results},
    table::figure,
};

/// Pixels of the whole width, and of what stands left and right of the bars.
const WIDTH: i32 = 960;
const LEFT: i32 = 380;
const RIGHT: i32 = 90;
/// Of the letters; plotters makes 13 pixels of it.
const SIZE: i32 = 16;
/// Pixels of a bar, and of the gap between rows.
const BAR: i32 = 15;
const GAP: i32 = 14;
/// Pixels of the legend.
const LEGEND: i32 = 40;

/// Seen well on light and on dark ground.
const OURS: RGBColor = RGBColor(47, 129, 247);
const OTHERS: [RGBColor; 3] = [RGBColor(139, 148, 158), RGBColor(176, 150, 120), RGBColor(120, 160, 130)];
const GOAL: RGBColor = RGBColor(219, 97, 162);
const SPREAD: RGBColor = RGBColor(236, 160, 50);
/// Text, on light ground; [`STYLE`] makes it light on dark ground.
const INK: RGBColor = RGBColor(31, 35, 40);
const STYLE: &str = "<style>@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>";

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A row with everything that its lines say.
struct Bars<'r> {
    line: &'r Line,
    /// Baselines with their medians.
    others: Vec<(&'r str, f64)>,
    targets: Vec<f64>,
}

/// The chart as SVG.
///
/// # Panics
/// Never: it is drawn into memory.
#[must_use]
pub fn draw(results: &Results, section: &str) -> String {
    let rows = rows(results.of(section));
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.others) {
        names.extend((!names.contains(name)).then_some(*name));
    }
    let height = LEGEND + rows.iter().map(Bars::height).sum::<i32>();
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
    legend(&area, &names);
    let mut top = LEGEND;
    for row in rows {
        row.draw(&area, &names, top);
        top += row.height();
    }
    area.present().expect("memory takes it");
    drop(area);
    // Behind the opening tag.
    svg.replacen("\">\n", &format!("\">\n{STYLE}\n"), 1)
}

/// Rows that have a figure, in order.
fn rows<'r>(lines: impl Iterator<Item = &'r Line>) -> Vec<Bars<'r>> {
    let mut rows: Vec<Bars<'r>> = Vec::new();
    for line in lines.filter(|line| line.value.is_some()) {
        if rows.last().is_none_or(|last| last.line.row != line.row) {
            rows.push(Bars { line, others: Vec::new(), targets: Vec::new() });
        }
        let row = rows.last_mut().expect("one at least");
        row.targets.extend(line.target);
        if let (Some(name), Some(value)) = (line.baseline.as_deref(), line.baseline_value)
            && row.others.iter().all(|(known, _)| *known != name)
        {
            row.others.push((name, value));
        }
    }
    rows
}

impl Bars<'_> {
    fn height(&self) -> i32 {
        GAP + BAR * (1 + i32::try_from(self.others.len()).expect("few baselines"))
    }

    /// What the longest bar stands for: each row has a scale of its own, as it is what it is compared
    /// with that matters.
    fn most(&self) -> f64 {
        let shown =
            self.others.iter().map(|(_, value)| *value).chain(self.line.max).chain(self.targets.iter().copied());
        shown.fold(f64::MIN_POSITIVE, f64::max)
    }

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn draw(&self, area: &Area<'_>, names: &[&str], top: i32) {
        let scale = f64::from(WIDTH - LEFT - RIGHT) / self.most();
        let right = |value: f64| LEFT + (value * scale).round() as i32;
        let middle = top + (self.height() - GAP) / 2;
        text(area, &self.line.row, (LEFT - 10, middle), HPos::Right, FontStyle::Normal);
        let value = self.line.value.unwrap_or_default();
        let bars =
            std::iter::once((value, OURS)).chain(self.others.iter().map(|(name, value)| (*value, color(names, name))));
        for (at, (value, color)) in (top..).step_by(BAR.unsigned_abs() as usize).zip(bars) {
            fill(area, (LEFT, at + 1), (right(value).max(LEFT + 1), at + BAR - 1), color);
            let ours = at == top;
            let end = if ours { self.line.max.unwrap_or(value) } else { value };
            let style = if ours { FontStyle::Bold } else { FontStyle::Normal };
            text(
                area,
                &format!("{} {}", figure(value), self.line.unit),
                (right(end) + 8, at + BAR / 2),
                HPos::Left,
                style,
            );
        }
        // The spread of the rounds.
        if let (Some(min), Some(max)) = (self.line.min, self.line.max) {
            let y = top + BAR / 2;
            stroke(area, vec![(right(min), y), (right(max), y)], SPREAD.mix(1.0), 2);
        }
        for target in self.targets.iter().map(|target| right(*target)) {
            stroke(area, vec![(target, top - 2), (target, top + BAR + 2)], GOAL.mix(1.0), 2);
        }
    }
}

fn legend(area: &Area<'_>, names: &[&str]) {
    let others = names.iter().map(|name| (*name, color(names, name)));
    let mut left = 12;
    for (name, color) in
        std::iter::once(("vpce", OURS)).chain(others).chain([("goal", GOAL), ("spread of the rounds", SPREAD)])
    {
        fill(area, (left, 9), (left + 11, 20), color);
        text(area, name, (left + 17, 15), HPos::Left, FontStyle::Normal);
        left += 44 + 7 * i32::try_from(name.len()).expect("a short name");
    }
}

fn color(names: &[&str], name: &str) -> RGBColor {
    OTHERS[names.iter().position(|known| *known == name).unwrap_or(0) % OTHERS.len()]
}

fn fill(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) {
    area.draw(&Rectangle::new([from, to], color.filled())).expect("memory takes it");
}

fn stroke(area: &Area<'_>, points: Vec<(i32, i32)>, color: plotters::style::RGBAColor, width: u32) {
    let style = ShapeStyle { color, filled: false, stroke_width: width };
    area.draw(&PathElement::new(points, style)).expect("memory takes it");
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), side: HPos, style: FontStyle) {
    let font = ("sans-serif", SIZE, style).into_font();
    let style = TextStyle { pos: Pos::new(side, VPos::Center), ..font.color(&INK) };
    area.draw(&Text::new(words.to_owned(), at, style)).expect("memory takes it");
}
