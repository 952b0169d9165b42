//! What a rollback drill must have done to the flow: each switch acted, and the flow felt it.

use eventing::time::Micros;

use super::Judge;
use crate::door::SWITCHED_OFF;

/// What the drill says, in order.
const STEPS: [&str; 8] = [
    "1. publishing off",
    "2. rules off",
    "3. consumers paused",
    "off: ",
    "4. rules on",
    "5. publishing on",
    "6. consumers on",
    "on: ",
];

impl Judge<'_> {
    /// Nothing was published from the moment at which the rules went off until publishing was on again; nothing was
    /// handled from the moment at which the pause was seen until consumers were on again; and there was something to.
    pub(super) fn rolled_back(&mut self) {
        let Some(steps) = self.steps("the drill", STEPS) else { return };
        let [_, rules_off, _, all_off, _, publishing_on, consumers_on, over] = steps;
        let published = |from: Micros, to: Micros| self.published_at().filter(|at| (from..to).contains(at)).count();
        let (meanwhile, waiting) = (published(rules_off, publishing_on), published(publishing_on, consumers_on));
        let handled = |from: Micros, to: Micros| {
            self.book.rows.values().flatten().filter(|row| (from..to).contains(&row.at)).count()
        };
        let (while_paused, after) = (handled(all_off, consumers_on), handled(consumers_on, over));
        let refused = self.book.answers.iter().any(|(answer, _)| answer.ends_with(SWITCHED_OFF));
        if meanwhile > 0 {
            self.say(format!("{meanwhile} events were published while rules were off: where are they?"));
        }
        if while_paused > 0 {
            self.say(format!("{while_paused} deliveries were handled while consumers were paused"));
        }
        if !refused {
            self.say(format!("no post was answered {SWITCHED_OFF}"));
        }
        if waiting == 0 || after == 0 {
            self.say(format!(
                "{waiting} events waited for consumers, and {after} were handled then: nothing was tried"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::flow::book::Book;
    use crate::flow::judge::judge;
    use crate::flow::judge::steps::staged::{self, at, book};
    use crate::flow::plan::Plan;
    use crate::ground::Consumer;

    /// Rules are off at 20, all is at 40, publishing is on at 60, consumers are at 70, it is over at 80.
    fn good() -> Book {
        book(&STEPS, SWITCHED_OFF, &[(5, 6), (15, 16), (65, 75), (78, 79)])
    }

    fn plan() -> Plan {
        Plan { rate: 4, publish: Duration::from_secs(1), ..Plan::rollback(Duration::ZERO) }
    }

    #[track_caller]
    fn breaks(words: &str, otherwise: impl FnOnce(&mut Book)) {
        staged::breaks(good(), &plan(), words, otherwise);
    }

    #[test]
    fn a_drill_in_which_each_switch_acted_breaks_nothing() {
        assert_eq!(judge(&good(), &plan()).broken, Vec::<String>::new());
    }

    #[test]
    fn a_switch_that_did_not_act_is_seen() {
        breaks("1 events were published while rules were off", |book| {
            book.events.get_mut("Good-1").unwrap().published = Some(at(25));
        });
        breaks("1 deliveries were handled while consumers were paused", |book| {
            book.rows.get_mut(&(Consumer::Treasury, "Good-2".to_owned())).unwrap()[0].at = at(66);
        });
        breaks("no post was answered PUBLISHING_DISABLED", |book| book.answers.clear());
        breaks("nothing was tried", |book| book.events.get_mut("Good-2").unwrap().published = Some(at(72)));
        breaks("did not come to \"6. consumers on\"", |book| drop(book.steps.remove(6)));
        breaks("in another order", |book| book.steps[0].0 = at(25));
        breaks("at journal is lost", |book| assert!(book.journal.remove("Good-1").is_some()));
    }
}
