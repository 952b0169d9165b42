//! SurrealDB's own server, for the tests of a journal whose database is somewhere else.

use std::process::ExitCode;

use surrealdb_server::core::CommunityComposer;

fn main() -> ExitCode {
    surrealdb_server::init(CommunityComposer())
}
