//! What must be seen of an upgrade: events were there to be lost at each step of it.

use eventing::time::Micros;

use super::Judge;

/// What was done, in order.
const STEPS: [&str; 5] = ["1. upgraded", "2. restarted", "3. kept", "4. gone", "5. back"];
/// What a publisher is told where nobody signs.
const NOBODY_SIGNS: &str = "SIGNATURE_SERVICE_UNREACHABLE";

impl Judge<'_> {
    /// Events were published before and between the steps and after the last; while the release was gone they were refused
    /// with a code that asks to post again, and consumers had events to handle.
    pub(super) fn upgraded(&mut self) {
        let at = |step: &&str| {
            let mut steps = self.book.steps.iter();
            steps.find(|(_, said)| said == *step).map(|(at, _)| *at).ok_or_else(|| (*step).to_owned())
        };
        let steps: Vec<Micros> = match STEPS.iter().map(at).collect::<Result<_, String>>() {
            Ok(steps) => steps,
            Err(missing) => return self.say(format!("the upgrade did not come to {missing:?}")),
        };
        let [upgraded, restarted, kept, gone, back] = steps[..] else { return };
        if !steps.is_sorted() {
            self.say(format!("the steps were taken in another order: {:?}", self.book.steps));
        }
        let spans = [
            ("before the upgrade was done", Micros(0), upgraded),
            ("until the services were restarted", upgraded, restarted),
            ("until the release was not let go", restarted, kept),
            ("until it was gone", kept, gone),
            ("after it was back", back, Micros(i64::MAX)),
        ];
        for (when, from, to) in spans {
            if !self.published_at().any(|at| (from..to).contains(&at)) {
                self.say(format!("no event was published {when}: nothing was tried"));
            }
        }
        if !self.book.answers.keys().any(|answer| answer.ends_with(NOBODY_SIGNS)) {
            self.say(format!("no post was answered {NOBODY_SIGNS}"));
        }
        let after = self.book.rows.values().flatten().filter(|row| row.at > back).count();
        if after == 0 {
            self.say("nothing was handled after it was back".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::flow::book::{Book, Event, Row};
    use crate::flow::judge::judge;
    use crate::flow::kinds::Kind;
    use crate::flow::plan::{Plan, Release};
    use crate::ground::{CONSUMERS, Consumer};

    const BEGIN: i64 = 1_795_000_000_000_000;

    fn at(second: i64) -> Micros {
        Micros(BEGIN + second * 1_000_000)
    }

    /// Steps ten seconds apart from the tenth on, and an event in the middle of each span but the one without a release.
    fn good() -> Book {
        let steps = (1..).zip(STEPS).map(|(nth, said)| (at(nth * 10), said.to_owned())).collect();
        let mut book = Book { steps, ..Book::default() };
        book.answers.insert(format!("503 {NOBODY_SIGNS}"), 3);
        for (nth, published) in [5, 15, 25, 35, 55].into_iter().enumerate() {
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
                let row = Row { pod: format!("{}-a", consumer.name()), at: at(published + 1), attempt: 1 };
                book.rows.insert((consumer, name.clone()), vec![row]);
            }
            book.journal.insert(name.clone(), 1);
            book.stream.insert(name, vec![at(published + 1)]);
        }
        book
    }

    fn broken(otherwise: impl FnOnce(&mut Book)) -> Vec<String> {
        let mut book = good();
        otherwise(&mut book);
        let release = Release { helm: PathBuf::new(), aws: String::new() };
        let plan = Plan { publish: Duration::from_secs(1), ..Plan::upgrade(release) };
        judge(&book, &plan).broken
    }

    #[track_caller]
    fn breaks(words: &str, otherwise: impl FnOnce(&mut Book)) {
        let broken = broken(otherwise);
        assert!(broken.len() == 1 && broken[0].contains(words), "{broken:#?}");
    }

    #[test]
    fn an_upgrade_with_events_at_each_step_breaks_nothing() {
        assert_eq!(broken(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_step_at_which_nothing_could_be_lost_is_seen() {
        breaks("published until the services were restarted", |book| {
            book.events.get_mut("Good-1").unwrap().published = Some(at(22));
        });
        breaks("published after it was back", |book| {
            book.events.get_mut("Good-4").unwrap().published = Some(at(45));
        });
        breaks("no post was answered SIGNATURE_SERVICE_UNREACHABLE", |book| book.answers.clear());
        breaks("nothing was handled after it was back", |book| {
            for consumer in CONSUMERS.into_iter().filter(|consumer| consumer.is_sidecar()) {
                book.rows.get_mut(&(consumer, "Good-4".to_owned())).unwrap()[0].at = at(49);
            }
        });
        breaks("in another order", |book| book.steps[4].0 = at(38));
        breaks("did not come to \"4. gone\"", |book| drop(book.steps.remove(3)));

        breaks("at treasury is lost", |book| {
            assert!(book.rows.remove(&(Consumer::Treasury, "Good-1".to_owned())).is_some());
        });
    }
}
