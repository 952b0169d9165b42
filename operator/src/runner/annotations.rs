//! What an object's annotations ask of its controller. Pure, but for the memory of what was said.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::{
    Span,
    names::{PAUSED, POLL_INTERVAL, RECONCILE_REQUESTED_AT},
};

use super::backoff::spread;

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_mins(1);
/// The longest.
const LONGEST: Duration = Duration::from_hours(24);

/// What the annotations ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// That nothing is changed.
    pub paused: bool,
    /// That AWS is looked at so often; the installation's interval where none is given.
    pub poll_interval: Option<Duration>,
    /// That it is looked at now: any value that is not the last.
    pub reconcile_requested_at: Option<String>,
    /// What cannot be understood, and is ignored: the annotation, its value, and what would be right.
    pub ignored: Vec<String>,
}

impl Asked {
    /// The time until the next look, a tenth more or less, for a `dice` in `0.0..1.0`; `otherwise` where nothing is asked.
    pub fn interval(&self, otherwise: Duration, dice: f64) -> Duration {
        spread(self.poll_interval.unwrap_or(otherwise), dice)
    }
}

/// Reads them.
pub fn read(annotations: &BTreeMap<String, String>) -> Asked {
    let mut asked =
        Asked { reconcile_requested_at: annotations.get(RECONCILE_REQUESTED_AT).cloned(), ..Asked::default() };
    match annotations.get(PAUSED).map(String::as_str) {
        None | Some("false") => {}
        Some("true") => asked.paused = true,
        Some(other) => {
            asked.ignored.push(format!("annotation {PAUSED} is {other:?} and is ignored; \"true\" pauses"));
        }
    }
    match annotations.get(POLL_INTERVAL).map(|value| (value, interval(value))) {
        None => {}
        Some((_, Ok(interval))) => asked.poll_interval = Some(interval),
        Some((value, Err(problem))) => {
            asked.ignored.push(format!("annotation {POLL_INTERVAL} is {value:?} and is ignored: {problem}"));
        }
    }
    asked
}

/// What was said of each object's annotations, by uid, so that it is said once.
#[derive(Debug, Default)]
pub struct Warned(Mutex<HashMap<String, Vec<String>>>);

impl Warned {
    /// Whether this was not said before.
    pub fn is_news(&self, uid: &str, ignored: &[String]) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ignored.is_empty() {
            said.remove(uid);
            return false;
        }
        said.insert(uid.to_owned(), ignored.to_vec()).as_deref() != Some(ignored)
    }
}

fn interval(value: &str) -> Result<Duration, String> {
    let length = value.parse::<Span>().and_then(|span| span.length()).map_err(|error| error.to_string())?;
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err("give 1m to 24h".to_owned());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(key: &str, value: &str) -> Asked {
        read(&BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn an_interval_within_bounds_is_taken_and_any_other_is_ignored_and_said() {
        assert_eq!(asked(POLL_INTERVAL, "1m").poll_interval, Some(SHORTEST));
        assert_eq!(asked(POLL_INTERVAL, "24h").poll_interval, Some(LONGEST));
        for bad in ["59s", "24h1s", "", "5", "soon"] {
            let asked = asked(POLL_INTERVAL, bad);
            assert_eq!(asked.poll_interval, None, "{bad}");
            assert!(asked.ignored.iter().all(|said| said.contains(POLL_INTERVAL) && said.contains(bad)), "{asked:?}");
            assert_eq!(asked.ignored.len(), 1, "{bad}");
        }
    }

    #[test]
    fn what_is_asked_goes_before_the_installations_interval() {
        let ten = Duration::from_mins(10);
        assert_eq!(asked(POLL_INTERVAL, "2m").interval(ten, 0.5), Duration::from_mins(2));
        assert_eq!(asked(POLL_INTERVAL, "2s").interval(ten, 0.5), ten);
        assert_eq!(Asked::default().interval(ten, 0.0), Duration::from_mins(9));
    }

    #[test]
    fn each_warning_is_given_once_until_it_changes() {
        let (warned, one, two) = (Warned::default(), ["one".to_owned()], ["two".to_owned()]);
        let news: Vec<bool> = [&one[..], &one, &two, &[], &two].map(|said| warned.is_news("uid", said)).to_vec();
        assert_eq!(news, [true, false, true, false, true]);
    }

    #[test]
    fn only_true_pauses_and_what_is_neither_true_nor_false_is_said() {
        assert!(asked(PAUSED, "true").paused);
        assert_eq!(asked(PAUSED, "false"), Asked::default());
        let yes = asked(PAUSED, "yes");
        assert!(!yes.paused);
        assert_eq!(yes.ignored.len(), 1);
    }
}
