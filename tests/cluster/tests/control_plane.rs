//! A control plane starts, works, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_cluster::{Assets, ControlPlane, Emulator};

/// Ids of the processes whose command line holds a text.
fn processes(text: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The run's folder, which is part of every child's command line.
fn run_folder(kubeconfig: &Path) -> PathBuf {
    kubeconfig.parent().unwrap().to_owned()
}

/// A supervisor as a process of its own, once its control plane is ready.
fn started_in(root: &Path) -> Child {
    let assets = Assets::locate().unwrap();
    let mut command = Command::new(assets.supervisor());
    command.arg("control-plane").arg("--root").arg(root).arg("--assets").arg(assets.components());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("kubeconfig"), "{line}");
    child
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_serves_the_api_and_stopping_leaves_no_process_and_no_file() {
    let plane = ControlPlane::start().unwrap();
    plane.kubectl().run(["create", "namespace", "team"]).unwrap();
    assert!(plane.kubectl().run(["get", "namespace", "team"]).unwrap().contains("Active"));
    let version = plane.kubectl().run(["version"]).unwrap();
    assert!(version.contains("Server Version: v1."), "{version}");
    let folder = run_folder(plane.kubeconfig());
    plane.stop().unwrap();
    assert_eq!(processes(&folder.display().to_string()), Vec::<String>::new());
    assert!(!folder.exists());
}

#[test]
fn two_run_at_once_and_know_nothing_of_each_other() {
    let (one, two) = (ControlPlane::start().unwrap(), ControlPlane::start().unwrap());
    one.kubectl().run(["create", "namespace", "only-here"]).unwrap();
    let error = two.kubectl().run(["get", "namespace", "only-here"]).unwrap_err();
    assert!(error.to_string().contains("NotFound"), "{error}");
}

#[test]
fn with_controllers_a_namespace_ends_and_has_the_cluster_s_certificate() {
    let plane = ControlPlane::start_with_controllers().unwrap();
    let kubectl = plane.kubectl();
    kubectl.run(["create", "namespace", "team"]).unwrap();
    eventually("the certificate", || kubectl.run(["-n", "team", "get", "configmap", "kube-root-ca.crt"]).is_ok());
    eventually("the account", || kubectl.run(["-n", "team", "get", "serviceaccount", "default"]).is_ok());
    let token = kubectl.run(["-n", "team", "create", "token", "default", "--audience=sts.amazonaws.com"]).unwrap();
    assert_eq!(token.trim().split('.').count(), 3, "a JWT");
    kubectl.run(["delete", "namespace", "team", "--timeout=60s"]).unwrap();
}

#[test]
fn a_killed_supervisor_takes_its_children_along_and_the_next_start_sweeps_up() {
    let root = tempfile::tempdir().unwrap();
    let runs = || std::fs::read_dir(root.path()).unwrap().count();
    let mut first = started_in(root.path());
    first.kill().unwrap();
    first.wait().unwrap();
    eventually("no process is left", || processes(&format!("{}/", root.path().display())).is_empty());
    assert_eq!(runs(), 1, "a killed program removes nothing");
    let mut second = started_in(root.path());
    assert_eq!(runs(), 1, "the first run's folder is gone, the second's is there");
    drop(second.stdin.take());
    assert!(second.wait().unwrap().success());
    assert_eq!(runs(), 0);
}

#[test]
fn ctrl_c_stops_everything_and_leaves_no_file() {
    let root = tempfile::tempdir().unwrap();
    let mut child = started_in(root.path());
    let running = format!("{}/", root.path().display());
    assert!(!processes(&running).is_empty(), "it runs");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "an interrupt is an ordinary end");
    assert_eq!(processes(&running), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn an_emulator_answers_on_loopback_and_ends_with_its_value() {
    let emulator = Emulator::start().unwrap();
    let address = emulator.endpoint().trim_start_matches("http://").to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(std::net::TcpStream::connect(&address).is_ok());
    emulator.stop().unwrap();
    assert!(std::net::TcpStream::connect(&address).is_err());
}
