//! How long events took, and what a benchmark says of it.

use std::time::Duration;

use bench_figures::{Figure, Report};
use eventing::time::Micros;

use super::book::{Book, Event, Name};
use super::judge;
use super::kinds::Kind;
use crate::ground::{CONSUMERS, Consumer};

/// The goals: the plan's, in milliseconds.
const TO_HANDLER: f64 = 300.0;
const TO_STREAM: f64 = 500.0;

/// Times in milliseconds, shortest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(Vec<f64>);

impl Times {
    /// From when a good event was due to be posted until a handler had it: one consumer's, or all.
    pub(super) fn of_handlers(book: &Book, whose: Option<Consumer>) -> Self {
        let whose = CONSUMERS.into_iter().filter(|own| own.is_sidecar() && whose.is_none_or(|whose| whose == *own));
        let of = |consumer: Consumer| {
            good(book).filter_map(move |(name, event)| {
                let rows = book.rows.get(&(consumer, name.clone()))?;
                Some(between(event.due, rows.iter().map(|row| row.at).min()?))
            })
        };
        Self::new(whose.flat_map(of))
    }

    /// From then until the gateway's stream brought it.
    pub(super) fn of_stream(book: &Book) -> Self {
        let first = |name: &Name| book.stream.get(name)?.iter().min().copied();
        Self::new(good(book).filter_map(|(name, event)| Some(between(event.due, first(name)?))))
    }

    /// From then until the sidecar had answered.
    fn of_answers(book: &Book) -> Self {
        Self::new(good(book).filter_map(|(_, event)| Some(between(event.due, event.published?))))
    }

    fn new(times: impl Iterator<Item = f64>) -> Self {
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The time that so many of a hundred did not exceed; nothing of none.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The three that are asked for.
    pub(super) fn line(&self) -> String {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| self.percentile(percent));
        format!("p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms")
    }

    fn figures(&self, what: &str, goal: f64) -> [Figure; 3] {
        let figure = |percent, goal| Figure::new(format!("{what}, p{percent}"), self.percentile(percent), "ms", goal);
        [figure(50, None), figure(95, Some(goal)), figure(99, None)]
    }
}

fn good(book: &Book) -> impl Iterator<Item = (&Name, &Event)> {
    book.events.iter().filter(|(_, event)| event.kind == Kind::Good)
}

/// Milliseconds from one to the other.
fn between(from: Micros, to: Micros) -> f64 {
    Duration::from_micros(u64::try_from(to.0 - from.0).unwrap_or_default()).as_secs_f64() * 1_000.0
}

/// The figures of a run without trouble. `left` is what the dead-letter queues hold after it.
pub(super) fn report(book: &Book, left: usize) -> Report {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let dues = || good(book).map(|(_, event)| event.due);
    let posted = dues().min().zip(dues().max()).map_or(0.0, |(first, last)| between(first, last) / 1_000.0);
    let mut figures =
        vec![Figure::new(format!("events posted in {posted:.0} s"), count(book.events.len()), "events", None)];
    figures.extend(Times::of_handlers(book, None).figures("POST → handler, all three services", TO_HANDLER));
    for consumer in CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar()) {
        let p95 = Times::of_handlers(book, Some(consumer)).percentile(95);
        figures.push(Figure::new(format!("POST → handler of {}, p95", consumer.name()), p95, "ms", Some(TO_HANDLER)));
    }
    figures.extend(Times::of_stream(book).figures("POST → SSE", TO_STREAM));
    figures.push(Figure::new("POST → the sidecar's answer, p95", Times::of_answers(book).percentile(95), "ms", None));
    let again = CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar());
    let again = again.flat_map(|consumer| good(book).map(move |(name, _)| book.handled(consumer, name)));
    let again: usize = again.map(|times| times.saturating_sub(1)).sum();
    figures.push(Figure::new("events that were handled twice", count(again), "events", Some(0.0)));
    figures.push(Figure::new("events that did not arrive somewhere", count(judge::open(book)), "events", Some(0.0)));
    let letters: usize = book.letters.values().map(Vec::len).sum();
    figures.push(Figure::new("dead letters in the end", count(letters + left), "letters", Some(0.0)));
    Report::new("flow", figures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "the figures are of whole milliseconds")]

    use super::*;
    use crate::flow::book::Row;

    const BEGIN: Micros = Micros(1_795_000_000_000_000);

    fn after(millis: i64) -> Micros {
        Micros(BEGIN.0 + millis * 1_000)
    }

    /// A hundred events, of which the nth took n milliseconds to treasury and ten times that to the stream.
    fn hundred() -> Book {
        let mut book = Book::default();
        for nth in 1..=100 {
            let name = format!("{nth:064}");
            let event = Event {
                kind: Kind::Good,
                correlation: "c".to_owned(),
                due: BEGIN,
                published: Some(after(nth)),
                is_uncertain: false,
            };
            book.events.insert(name.clone(), event);
            for consumer in CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar()) {
                let row = Row { pod: "pod".to_owned(), at: after(nth), attempt: 1 };
                book.rows.insert((consumer, name.clone()), vec![row]);
            }
            book.journal.insert(name.clone(), 1);
            book.stream.insert(name, vec![after(10 * nth)]);
        }
        book
    }

    fn value(report: &Report, name: &str) -> (f64, String) {
        let figure = report.figures.iter().find(|figure| figure.name == name).unwrap();
        (figure.value, format!("{:?}", figure.verdict))
    }

    #[test]
    fn percentiles_are_those_of_the_events() {
        let report = report(&hundred(), 0);
        assert_eq!(value(&report, "POST → handler, all three services, p50").0, 50.0);
        assert_eq!(value(&report, "POST → handler of treasury, p95"), (95.0, "Met".to_owned()));
        assert_eq!(value(&report, "POST → SSE, p95"), (950.0, "Missed".to_owned()));
        assert_eq!(value(&report, "POST → SSE, p99").0, 990.0);
        assert_eq!(Times::default().percentile(95), 0.0);
    }

    #[test]
    fn what_is_missing_twice_or_a_dead_letter_is_told() {
        let mut book = hundred();
        let name = format!("{:064}", 7);
        book.stream.remove(&name);
        let rows = book.rows.get_mut(&(Consumer::Treasury, name)).unwrap();
        rows.push(Row { pod: "pod".to_owned(), at: after(9), attempt: 1 });
        let report = report(&book, 2);
        assert_eq!(value(&report, "events that were handled twice"), (1.0, "Missed".to_owned()));
        assert_eq!(value(&report, "events that did not arrive somewhere"), (1.0, "Missed".to_owned()));
        assert_eq!(value(&report, "dead letters in the end"), (2.0, "Missed".to_owned()));
    }
}
