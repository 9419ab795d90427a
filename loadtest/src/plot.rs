//! One page of HTML with the plots in it, and nothing that would have to be fetched.

use std::fmt::{self, Display, Formatter};

use crate::figures::real;
use crate::tally::Latencies;

/// A page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// The table that the terminal shows too.
    pub(crate) text: String,
    pub(crate) plots: Vec<Plot>,
}

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = Escaped(&self.title);
        write!(
            f,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>"
        )?;
        write!(f, "<style>{STYLE}</style><h1>{title}</h1>")?;
        for plot in &self.plots {
            write!(f, "<h2>{}</h2>{plot}", Escaped(&plot.title))?;
        }
        writeln!(f, "<pre>{}</pre></html>", Escaped(&self.text))
    }
}

/// Curves over two axes.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
}

impl Plot {
    /// Latencies of all calls, with room for the rare ones: each step to the right is ten times rarer.
    pub(crate) fn percentiles(title: impl Into<String>, curves: Vec<Curve>) -> Self {
        let (right, top) = extent(&curves);
        Self {
            title: title.into(),
            x: Axis::percentiles(right),
            y: Axis::decades("latency", lowest(&curves), top, told_micros),
            curves,
        }
    }
}

impl Display for Plot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" ")?;
        write!(f, "xmlns=\"http://www.w3.org/2000/svg\" {FONT}>")?;
        write!(
            f,
            "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>"
        )?;
        self.grid(f)?;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            self.line(f, curve, colour)?;
        }
        self.legend(f)?;
        f.write_str("</svg>")
    }
}

impl Plot {
    fn grid(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (right, bottom) = (WIDTH - MARGIN_RIGHT, HEIGHT - MARGIN_BOTTOM);
        for (value, label) in &self.x.ticks {
            let x = self.left(*value);
            write!(f, "<path d=\"M{x:.1} {MARGIN_TOP}V{bottom}\" {GRID}/>")?;
            let y = bottom + 20.0;
            write!(
                f,
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        for (value, label) in &self.y.ticks {
            let y = self.top(*value);
            write!(f, "<path d=\"M{MARGIN_LEFT} {y:.1}H{right}\" {GRID}/>")?;
            let (x, y) = (MARGIN_LEFT - 8.0, y + 4.0);
            write!(
                f,
                "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"
            )?;
        }
        let (middle, below) = ((MARGIN_LEFT + right) / 2.0, HEIGHT - 8.0);
        let (label, above) = (Escaped(self.x.label), MARGIN_TOP - 12.0);
        write!(
            f,
            "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>"
        )?;
        write!(
            f,
            "<text x=\"8\" y=\"{above}\">{}</text>",
            Escaped(self.y.label)
        )
    }

    fn line(&self, f: &mut Formatter<'_>, curve: &Curve, colour: &str) -> fmt::Result {
        write!(
            f,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\""
        )?;
        for &(x, y) in &curve.points {
            write!(f, "{:.1},{:.1} ", self.left(x), self.top(y))?;
        }
        f.write_str("\"/>")
    }

    /// One line for each curve, bottom right: latencies rise to the right, and memory stands well above zero.
    fn legend(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.curves.iter().zip(COLOURS.iter().cycle()).collect();
        let x = WIDTH - MARGIN_RIGHT - LEGEND_WIDTH;
        let mut y = HEIGHT - MARGIN_BOTTOM - 16.0;
        for (curve, colour) in lines.into_iter().rev() {
            let (end, text, base, top) = (x + 24.0, x + 32.0, y + 4.0, y - 10.0);
            write!(
                f,
                "<rect x=\"{x}\" y=\"{top}\" width=\"{LEGEND_WIDTH}\" height=\"20\" fill=\"#fff\"/>"
            )?;
            write!(
                f,
                "<path d=\"M{x} {y}H{end}\" stroke=\"{colour}\" stroke-width=\"3\"/>"
            )?;
            write!(
                f,
                "<text x=\"{text}\" y=\"{base}\">{}</text>",
                Escaped(&curve.name)
            )?;
            y -= 20.0;
        }
        Ok(())
    }

    fn left(&self, value: f64) -> f64 {
        MARGIN_LEFT + self.x.place(value) * (WIDTH - MARGIN_LEFT - MARGIN_RIGHT)
    }

    fn top(&self, value: f64) -> f64 {
        HEIGHT - MARGIN_BOTTOM - self.y.place(value) * (HEIGHT - MARGIN_TOP - MARGIN_BOTTOM)
    }
}

/// One direction of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    label: &'static str,
    logarithmic: bool,
    low: f64,
    high: f64,
    /// Where lines are drawn, and what they are called.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to `high` in steps of 1, 2 or 5.
    pub(crate) fn linear(label: &'static str, high: f64) -> Self {
        let decade = 10_f64.powf((high / 4.0).max(f64::MIN_POSITIVE).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
        let fits = |step: &&f64| high / **step <= 6.0;
        let step = steps.iter().find(fits).copied().unwrap_or(high);
        let ticks = (0..=7).map(|tick| f64::from(tick) * step);
        let ticks = ticks.take_while(|&tick| tick <= high);
        Self {
            label,
            logarithmic: false,
            low: 0.0,
            high,
            ticks: ticks.map(|tick| (tick, told(tick))).collect(),
        }
    }

    /// From below `low` to above `high`, logarithmic, with ticks at 1, 2 and 5.
    pub(crate) fn decades(
        label: &'static str,
        low: f64,
        high: f64,
        tell: fn(f64) -> String,
    ) -> Self {
        let ticks: Vec<f64> = (0..DECADES)
            .flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decade)))
            .collect();
        let low = ticks.iter().copied().rfind(|&tick| tick <= low);
        let low = low.unwrap_or(1.0);
        let high = ticks
            .iter()
            .copied()
            .find(|&tick| tick >= high && tick > low);
        let high = high.unwrap_or(f64::MAX);
        let shown = ticks.into_iter().filter(|tick| (low..=high).contains(tick));
        Self {
            label,
            logarithmic: true,
            low,
            high,
            ticks: shown.map(|tick| (tick, tell(tick))).collect(),
        }
    }

    /// `1 / (1 - quantile)`, logarithmic: 50 % at 2, 90 % at 10, 99 % at 100 ...
    fn percentiles(high: f64) -> Self {
        let nines = [
            "0 %",
            "90 %",
            "99 %",
            "99.9 %",
            "99.99 %",
            "99.999 %",
            "99.9999 %",
        ];
        let nines = (0..)
            .zip(nines)
            .map(|(nines, label)| (10_f64.powi(nines), label));
        let ticks = nines.chain([(2.0, "50 %")]);
        let high = high.max(10.0);
        Self {
            label: "percentile of calls",
            logarithmic: true,
            low: 1.0,
            high,
            ticks: ticks
                .filter(|(tick, _)| *tick <= high)
                .map(|(tick, label)| (tick, label.to_owned()))
                .collect(),
        }
    }

    /// From 0 at the low end to 1 at the high one.
    fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }
}

/// One line of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Curve {
    pub(crate) fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
        }
    }

    /// Microseconds over `1 / (1 - quantile)`. It ends where ten calls stand for the rest: beyond that is the fate of
    /// single calls.
    pub(crate) fn percentiles(name: impl Into<String>, latencies: &Latencies) -> Self {
        let last = (real(latencies.count()) / 10.0).max(1.0);
        let xs = (0..).map(|step| 10_f64.powf(f64::from(step) / STEPS_PER_DECADE));
        let points = xs.take_while(|&x| x <= last).map(|x| {
            let ns = latencies.quantile_ns(1.0 - 1.0 / x);
            (x, (real(ns) / 1e3).max(1.0))
        });
        Self::new(name, points.collect())
    }
}

/// The largest x and y of all curves.
fn extent(curves: &[Curve]) -> (f64, f64) {
    let points = curves.iter().flat_map(|curve| &curve.points);
    points.fold((1.0, 1.0), |(x, y), point| (point.0.max(x), point.1.max(y)))
}

fn lowest(curves: &[Curve]) -> f64 {
    let points = curves.iter().flat_map(|curve| &curve.points);
    points.map(|point| point.1).fold(f64::MAX, f64::min)
}

/// Microseconds in the unit that a reader would choose.
pub(crate) fn told_micros(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{micros} us"),
        ..1e6 => format!("{} ms", micros / 1e3),
        _ => format!("{} s", micros / 1e6),
    }
}

/// 12000 as 12k.
fn told(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{}k", value / 1e3)
    } else {
        format!("{value}")
    }
}

/// Text that cannot be mistaken for markup.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '&' => f.write_str("&amp;")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = "body{font:16px system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}\
    h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}pre{overflow-x:auto;font-size:13px}svg{width:100%;height:auto}";
const FONT: &str = "font-family=\"system-ui,sans-serif\" font-size=\"13\" fill=\"#333\"";
const GRID: &str = "stroke=\"#ddd\" stroke-width=\"1\"";
/// Told apart by those who see few colours too (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 440.0;
const LEGEND_WIDTH: f64 = 280.0;
const MARGIN_LEFT: f64 = 70.0;
const MARGIN_RIGHT: f64 = 40.0;
const MARGIN_TOP: f64 = 40.0;
const MARGIN_BOTTOM: f64 = 52.0;
const STEPS_PER_DECADE: f64 = 40.0;
/// From a microsecond to more than a minute.
const DECADES: i32 = 9;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn near(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 1e-9
    }

    #[test]
    fn each_nine_is_as_far_from_the_last() {
        let axis = Axis::percentiles(10_000.0);
        let places = [0.0, 0.9, 0.99, 0.999, 0.9999].map(|p: f64| axis.place(1.0 / (1.0 - p)));
        for (place, expected) in places.into_iter().zip([0.0, 0.25, 0.5, 0.75, 1.0]) {
            assert!(near(place, expected), "{place}");
        }
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "50 %"]);
    }

    #[test]
    fn latencies_stand_between_round_numbers() {
        let axis = Axis::decades("", 33.0, 1_700.0, told_micros);
        assert!(near(axis.low, 20.0) && near(axis.high, 2_000.0));
        assert!(near(axis.place(200.0), 0.5));
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "20 us", "50 us", "100 us", "200 us", "500 us", "1 ms", "2 ms"
            ]
        );
    }

    #[test]
    fn counts_stand_on_round_numbers_too() {
        let axis = Axis::linear("", 57_000.0);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0", "10k", "20k", "30k", "40k", "50k"]);
    }

    #[test]
    fn a_curve_of_percentiles_ends_before_single_calls() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        let curve = Curve::percentiles("", &latencies);
        let &(x, y) = curve.points.last().unwrap();
        assert!(near(x, 100.0), "{x}");
        assert!((989.0..992.0).contains(&y), "{y}");
    }

    #[test]
    fn a_page_fetches_nothing_and_escapes_its_text() {
        let plot = Plot::percentiles("p", vec![Curve::new("a<b", vec![(1.0, 10.0)])]);
        let page = Page {
            title: "t".to_owned(),
            text: "1 < 2 & 3".to_owned(),
            plots: vec![plot],
        };
        let html = page.to_string();
        assert!(html.contains("a&lt;b") && html.contains("1 &lt; 2 &amp; 3"));
        assert!(!html.contains("href") && !html.contains("src="));
    }
}
