//! Writes `crds/generated/*.yaml`, or with `--check` says which of them are stale. `cargo xtask crds` runs it.

use std::{path::Path, process::ExitCode};

use crds::generate;

fn main() -> ExitCode {
    let folder = Path::new(env!("QSL_WORKSPACE")).join("crds/generated");
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("unknown argument {other}: there is only --check");
            return ExitCode::from(64);
        }
    };
    let stale = if check { generate::stale(&folder) } else { generate::write(&folder).map(|()| Vec::new()) };
    match stale {
        Ok(stale) if stale.is_empty() => ExitCode::SUCCESS,
        Ok(stale) => {
            eprintln!("stale, run `cargo xtask crds`: {}", stale.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}
