//! The steps of a run in which something is changed.

use eventing::time::Micros;

use super::Judge;

impl Judge<'_> {
    /// When each step was taken, by how what was said of it begins; nothing where one is missing. They are in order.
    pub(super) fn steps<const N: usize>(&mut self, what: &str, names: [&str; N]) -> Option<[Micros; N]> {
        let mut taken = [Micros(0); N];
        for (taken, name) in taken.iter_mut().zip(names) {
            let Some((at, _)) = self.book.steps.iter().find(|(_, said)| said.starts_with(name)) else {
                self.say(format!("{what} did not come to {name:?}"));
                return None;
            };
            *taken = *at;
        }
        if !taken.is_sorted() {
            self.say(format!("{what} took its steps in another order: {:?}", self.book.steps));
        }
        Some(taken)
    }
}

/// A run with steps, for the tests of what is judged by them.
#[cfg(test)]
pub(super) mod staged {
    use super::*;
    use crate::flow::book::{Book, Event, Row};
    use crate::flow::judge::judge;
    use crate::flow::kinds::Kind;
    use crate::flow::plan::Plan;
    use crate::ground::CONSUMERS;

    const BEGIN: i64 = 1_795_000_000_000_000;

    /// So many seconds after the run began.
    pub(in super::super) fn at(second: i64) -> Micros {
        Micros(BEGIN + second * 1_000_000)
    }

    /// Steps ten seconds apart from the tenth on, three posts that were answered so, and events by the seconds at which
    /// each was published and handled.
    pub(in super::super) fn book(steps: &[&str], answer: &str, events: &[(i64, i64)]) -> Book {
        let steps = (1..).zip(steps).map(|(nth, said)| (at(nth * 10), (*said).to_owned())).collect();
        let mut book = Book { steps, ..Book::default() };
        book.answers.insert(format!("503 {answer}"), 3);
        for (nth, &(published, handled)) in events.iter().enumerate() {
            let name = format!("Good-{nth}");
            let event = Event {
                kind: Kind::Good,
                correlation: "c".to_owned(),
                due: at(published),
                published: Some(at(published)),
                is_uncertain: false,
            };
            book.events.insert(name.clone(), event);
            for consumer in CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar()) {
                let row = Row { pod: format!("{}-a", consumer.name()), at: at(handled), attempt: 1 };
                book.rows.insert((consumer, name.clone()), vec![row]);
            }
            book.journal.insert(name.clone(), 1);
            book.stream.insert(name, vec![at(handled)]);
        }
        book
    }

    /// What is said of a good run in which something was otherwise: one thing, in these words.
    #[track_caller]
    pub(in super::super) fn breaks(mut good: Book, plan: &Plan, words: &str, otherwise: impl FnOnce(&mut Book)) {
        otherwise(&mut good);
        let broken = judge(&good, plan).broken;
        assert!(broken.len() == 1 && broken[0].contains(words), "{broken:#?}");
    }
}
