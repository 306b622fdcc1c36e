//! What is measured: rows, from rounds of samples, and the goals that they are held to.

use crate::results::Line;

/// Which values of a figure are good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// What a row shall reach: by itself, or as a ratio to a baseline of the same rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    bound: Bound,
    baseline: Option<String>,
    /// Every round shall reach it, not the median alone.
    always: bool,
}

/// One figure: a value of each round, and what others reached in the very same rounds.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    unit: &'static str,
    goals: Vec<Goal>,
    values: Vec<f64>,
    baselines: Vec<(String, Vec<f64>)>,
    headline: bool,
}

impl Bound {
    fn value(self) -> f64 {
        let (Self::AtMost(bound) | Self::AtLeast(bound)) = self;
        bound
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl Goal {
    /// The median of the rounds shall be so much or less, in the row's unit.
    #[must_use]
    pub fn at_most(bound: f64) -> Self {
        Self { bound: Bound::AtMost(bound), baseline: None, always: false }
    }

    /// The median of the rounds shall be so much or more.
    #[must_use]
    pub fn at_least(bound: f64) -> Self {
        Self { bound: Bound::AtLeast(bound), baseline: None, always: false }
    }

    /// Makes the bound one of the ratio to a baseline: of the median of the rounds' ratios.
    #[must_use]
    pub fn of(self, baseline: &str) -> Self {
        Self { baseline: Some(baseline.to_owned()), ..self }
    }

    /// Makes it a promise: the worst of the rounds is judged.
    #[must_use]
    pub fn always(self) -> Self {
        Self { always: true, ..self }
    }

    /// Whether what `line` says is good enough; without a figure it is not.
    fn is_hit(&self, line: &Line) -> bool {
        let judged = match self.bound {
            _ if self.baseline.is_some() => line.ratio,
            Bound::AtMost(_) if self.always => line.max,
            Bound::AtLeast(_) if self.always => line.min,
            _ => line.value,
        };
        judged.is_some_and(|judged| self.bound.holds(judged))
    }

    /// The goal in words: `<= 50 ns`, `<= 0.8 x floor`.
    fn words(&self, unit: &str) -> String {
        let sign = if matches!(self.bound, Bound::AtMost(_)) { "<=" } else { ">=" };
        let bound = self.bound.value();
        match &self.baseline {
            Some(baseline) => format!("{sign} {bound} x {baseline}"),
            None if self.always => format!("always {sign} {bound} {unit}"),
            None => format!("{sign} {bound} {unit}"),
        }
    }
}

impl Row {
    /// A row without a figure: what it stays where its subject is not built yet.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, goals: Vec::new(), values: Vec::new(), baselines: Vec::new(), headline: false }
    }

    /// Adds a goal; a row may have several, or none.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goals.push(goal);
        self
    }

    /// Makes it one of the few that the project's first page shows.
    #[must_use]
    pub fn headline(self) -> Self {
        Self { headline: true, ..self }
    }

    /// Gives it its figures, one of each round.
    #[must_use]
    pub fn measured(self, values: Vec<f64>) -> Self {
        Self { values, ..self }
    }

    /// Adds what a baseline reached in the same rounds.
    ///
    /// # Panics
    /// Where it has not one figure for each round of the row: then no ratio would mean anything.
    #[must_use]
    pub fn beside(mut self, baseline: &str, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), self.values.len(), "rounds of {baseline} beside {}", self.name);
        self.baselines.push((baseline.to_owned(), values));
        self
    }

    /// The row's lines in the table: one for each goal, then for each baseline that no goal speaks of.
    #[must_use]
    pub fn lines(&self, section: &str) -> Vec<Line> {
        let goals = self.goals.iter().map(|goal| {
            let mut line = self.line(section, goal.baseline.as_deref());
            let unit_of_bound = if goal.baseline.is_some() { line.baseline_value } else { Some(1.0) };
            line.target = unit_of_bound.map(|unit| unit * goal.bound.value());
            line.goal = Some(goal.words(self.unit));
            line.hit = Some(goal.is_hit(&line));
            line
        });
        let spoken_of = |name: &str| self.goals.iter().any(|goal| goal.baseline.as_deref() == Some(name));
        let others = self.baselines.iter().filter(|(name, _)| !spoken_of(name));
        let mut lines: Vec<_> = goals.chain(others.map(|(name, _)| self.line(section, Some(name)))).collect();
        if lines.is_empty() {
            lines.push(self.line(section, None));
        }
        lines
    }

    fn line(&self, section: &str, baseline: Option<&str>) -> Line {
        let beside = self.baselines.iter().find(|(name, _)| Some(name.as_str()) == baseline);
        let ratios = beside.map(|(_, values)| self.values.iter().zip(values).map(|(ours, other)| ours / other));
        Line {
            section: section.to_owned(),
            row: self.name.clone(),
            unit: self.unit.to_owned(),
            goal: None,
            target: None,
            value: median(&self.values),
            min: self.values.iter().copied().reduce(f64::min),
            max: self.values.iter().copied().reduce(f64::max),
            rounds: self.values.len(),
            baseline: baseline.map(str::to_owned),
            baseline_value: beside.and_then(|(_, values)| median(values)),
            ratio: ratios.and_then(|ratios| median(&ratios.collect::<Vec<_>>())),
            hit: None,
            headline: self.headline,
        }
    }
}

/// The value in the middle, or the mean of the two there; nothing of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row::new("forward", "ns").measured(vec![40.0, 60.0, 90.0]).beside("floor", vec![50.0, 100.0, 100.0])
    }

    #[test]
    fn the_median_is_the_value_in_the_middle_of_the_sorted_ones() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_the_medians() {
        // 0.8, 0.6 and 0.9; the medians would give 0.6.
        let lines = row().goal(Goal::at_most(0.8).of("floor")).lines("packet");
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].ratio, lines[0].hit), (Some(0.8), Some(true)));
        assert_eq!(lines[0].goal.as_deref(), Some("<= 0.8 x floor"));
        assert_eq!((lines[0].value, lines[0].baseline_value), (Some(60.0), Some(100.0)));
        assert_eq!(lines[0].target, Some(80.0));
        assert_eq!((lines[0].min, lines[0].max), (Some(40.0), Some(90.0)));
    }

    #[test]
    fn each_goal_of_a_row_is_judged_by_itself() {
        let lines = row().goal(Goal::at_most(59.0)).goal(Goal::at_least(0.8).of("floor")).lines("packet");
        let judged: Vec<_> = lines.iter().map(|line| (line.goal.as_deref(), line.hit)).collect();
        assert_eq!(judged, [(Some("<= 59 ns"), Some(false)), (Some(">= 0.8 x floor"), Some(true))]);
    }

    #[test]
    fn a_promise_is_judged_by_the_worst_round() {
        let lines = row().goal(Goal::at_most(60.0)).goal(Goal::at_most(60.0).always()).lines("packet");
        let judged: Vec<_> = lines.iter().map(|line| (line.goal.as_deref(), line.hit)).collect();
        assert_eq!(judged[..2], [(Some("<= 60 ns"), Some(true)), (Some("always <= 60 ns"), Some(false))]);
        let lines = row().goal(Goal::at_least(40.0).always()).goal(Goal::at_least(41.0).always()).lines("packet");
        assert_eq!((lines[0].hit, lines[1].hit), (Some(true), Some(false)));
    }

    #[test]
    fn what_is_not_built_has_no_value_and_misses_its_goals() {
        let lines = Row::new("reads", "/s").goal(Goal::at_least(5000.0)).lines("agent");
        assert_eq!((lines[0].value, lines[0].rounds, lines[0].hit), (None, 0, Some(false)));
    }

    #[test]
    fn a_baseline_without_a_figure_misses_the_goal_of_its_ratio() {
        let lines = row().goal(Goal::at_most(9.0).of("other")).lines("packet");
        assert_eq!((lines[0].ratio, lines[0].hit), (None, Some(false)));
        assert_eq!(lines[1].baseline.as_deref(), Some("floor"));
    }

    #[test]
    fn a_row_without_a_goal_is_neither_hit_nor_missed() {
        let lines = row().lines("packet");
        assert_eq!((lines.len(), lines[0].hit, lines[0].ratio), (1, None, Some(0.8)));
    }

    #[test]
    #[should_panic(expected = "rounds of floor beside forward")]
    fn rounds_that_were_not_interleaved_give_no_ratio() {
        let _ = Row::new("forward", "ns").measured(vec![1.0]).beside("floor", vec![1.0, 2.0]);
    }
}
