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
        let Some([upgraded, restarted, kept, gone, back]) = self.steps("the upgrade", STEPS) else { return };
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
    use crate::flow::book::Book;
    use crate::flow::judge::judge;
    use crate::flow::judge::steps::staged::{self, at, book};
    use crate::flow::plan::{Plan, Release};
    use crate::ground::{CONSUMERS, Consumer};

    /// An event in the middle of each span but the one without a release.
    fn good() -> Book {
        book(&STEPS, NOBODY_SIGNS, &[(5, 6), (15, 16), (25, 26), (35, 36), (55, 56)])
    }

    fn plan() -> Plan {
        let release = Release { helm: PathBuf::new(), aws: String::new() };
        Plan { publish: Duration::from_secs(1), ..Plan::upgrade(release) }
    }

    #[track_caller]
    fn breaks(words: &str, otherwise: impl FnOnce(&mut Book)) {
        staged::breaks(good(), &plan(), words, otherwise);
    }

    #[test]
    fn an_upgrade_with_events_at_each_step_breaks_nothing() {
        assert_eq!(judge(&good(), &plan()).broken, Vec::<String>::new());
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
