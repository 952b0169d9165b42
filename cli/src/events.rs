//! Events as they are posted to a sidecar, read from a file: what sign and publish take.

use eventing::json::Limits;
use eventing::publish::{InputFault, NewEvent, parse_events};

use crate::failure::Failure;
use crate::input::Input;

/// The events of an input, and whether they came as a list.
///
/// # Errors
/// When it cannot be read, or with each field that is wrong: a wrong call.
pub fn read(input: &Input) -> Result<(Vec<NewEvent>, bool), Failure> {
    let text = input.read_at_most(Limits::BODY.bytes as u64)?;
    parse_events(&text).map_err(|fault| Failure::Usage(format!("{input}: {}", told(&fault))))
}

fn told(fault: &InputFault) -> String {
    match fault {
        InputFault::TooLarge { limit } => format!("has more than {limit} bytes"),
        InputFault::Fields(errors) => {
            let told = errors.iter().map(|error| format!("{} {}", error.field, error.reason).trim().to_owned());
            told.collect::<Vec<_>>().join("; ")
        }
    }
}
