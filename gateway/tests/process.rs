//! The process, seen from outside.
#![allow(missing_docs, clippy::unwrap_used)]

#[test]
fn no_core_is_dumped_of_it_and_no_other_process_of_its_user_reads_it() {
    assert_eq!(eventing_process::testing::memory_is_private(env!("CARGO_BIN_EXE_gateway")), Ok(()));
}

#[test]
fn it_says_its_version() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gateway")).arg("--version").output().unwrap();
    let version = concat!("gateway ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), version));
}
