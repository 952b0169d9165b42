//! The process, seen from outside.
#![allow(missing_docs)]

#[test]
fn no_core_is_dumped_of_it_and_no_other_process_of_its_user_reads_it() {
    assert_eq!(eventing_process::testing::memory_is_private(env!("CARGO_BIN_EXE_journal")), Ok(()));
}
