//! The program, seen from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod program;

use program::run;

#[test]
fn no_core_is_dumped_of_it_and_no_other_process_of_its_user_reads_it() {
    assert_eq!(eventing_process::testing::memory_is_private(env!("CARGO_BIN_EXE_kubectl-qsl")), Ok(()));
}

#[test]
fn the_version_is_of_the_release_and_of_the_api_and_of_nothing_else() {
    let said = run(&["--version"], "");
    let expected = format!("kubectl-qsl {} (eventing.qsl.dev/v1alpha1)\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((said.code, said.out), (0, expected));
}

#[test]
fn each_shell_is_told_the_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], "");
        assert_eq!((script.code, script.err.as_str()), (0, ""), "{shell}");
        for word in ["kubectl-qsl", "replay", "redrive", "release-namespace"] {
            assert!(script.out.contains(word), "{shell} has no {word}");
        }
    }
    assert_eq!(run(&["completions", "csh"], "").code, 2);
}
