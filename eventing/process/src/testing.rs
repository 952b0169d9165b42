//! Programs in their tests, seen from outside: their memory ([`memory_is_private`]), what they say and how they end
//! ([`Program`]), and whether a secret is in what they said ([`found`]).

mod forms;
mod memory;
mod program;

pub use forms::found;
pub use memory::{Exposure, Held, memory_is_private};
pub use program::Program;
