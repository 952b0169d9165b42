//! Programs in their tests, seen from outside: their memory ([`memory_is_private`]), what they say and how they end
//! ([`Program`]), what is logged in the test's own process ([`Lines`]), and whether a secret is in that ([`found`]).

mod forms;
mod lines;
mod memory;
mod program;

pub use forms::found;
pub use lines::Lines;
pub use memory::{Exposure, Held, memory_is_private};
pub use program::Program;
