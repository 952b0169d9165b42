//! A node runs pods, its Services and names can be reached from the host, and nothing outlives it.
//!
//! Ignored, since it takes root on Linux: `cargo test -p test-cluster --test pods -- --ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use test_cluster::{Node, NodeFacts, NodeOptions};

const PODS: &str = r"
apiVersion: v1
kind: Namespace
metadata:
  name: team
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: waiter, namespace: team}
spec:
  replicas: 2
  selector: {matchLabels: {app: waiter}}
  template:
    metadata: {labels: {app: waiter}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      initContainers:
        - &container
          name: sidecar
          image: qsl-pause
          imagePullPolicy: Never
          restartPolicy: Always
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: token, mountPath: /var/run/token}]
      containers:
        - name: app
          image: qsl-pause
          imagePullPolicy: Never
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumes:
        - name: token
          projected:
            sources: [{serviceAccountToken: {audience: sts.amazonaws.com, path: token}}]
";

#[test]
#[ignore = "takes root"]
fn pods_run_names_resolve_aws_answers_and_nothing_is_left() {
    let node = Node::start(&NodeOptions::default().with_emulator().unwrap()).unwrap();
    let facts = node.facts().clone();
    let kubectl = facts.kubectl().unwrap();
    kubectl.apply(PODS).unwrap();
    kubectl.run(["-n", "team", "rollout", "status", "deployment/waiter", "--timeout=90s"]).unwrap();

    let by_name = facts.forward("kubernetes.default.svc:443", 0).unwrap();
    assert!(TcpStream::connect(by_name).is_ok());
    assert!(get(&facts, "/_ministack/ready").starts_with("HTTP/1.1 200"));

    let processes = inside(facts.pid);
    assert!(processes > 10, "{processes} processes share the node's first process' namespace");
    node.stop().unwrap();
    assert_gone(&facts);
}

#[test]
#[ignore = "takes root"]
fn a_killed_node_takes_its_pods_along() {
    let node = Node::start(&NodeOptions::default()).unwrap();
    let facts = node.facts().clone();
    facts.kubectl().unwrap().apply(PODS).unwrap();
    let wait = ["-n", "team", "rollout", "status", "deployment/waiter", "--timeout=90s"];
    facts.kubectl().unwrap().run(wait).unwrap();
    // The kernel's word is what counts: no handler of ours runs.
    let supervisor = facts.state.file_name().unwrap().to_string_lossy().split('-').nth(1).unwrap().to_owned();
    assert!(std::process::Command::new("kill").args(["-KILL", &supervisor]).status().unwrap().success());
    assert!(node.stop().is_err(), "it was killed");
    assert!(!Node::is_alive(&facts.state).unwrap());
    Node::end(&facts.state).unwrap();
    assert_gone(&facts);
}

#[test]
#[ignore = "takes root"]
fn ctrl_c_takes_everything_along_and_the_next_start_is_clean() {
    let node = Node::start(&NodeOptions::default()).unwrap();
    let facts = node.facts().clone();
    facts.kubectl().unwrap().apply(PODS).unwrap();
    let supervisor = facts.state.file_name().unwrap().to_string_lossy().split('-').nth(1).unwrap().to_owned();
    assert!(std::process::Command::new("kill").args(["-INT", &supervisor]).status().unwrap().success());
    node.stop().unwrap();
    assert_gone(&facts);
    let again = Node::start(&NodeOptions::default()).unwrap();
    let pods = again.facts().kubectl().unwrap().run(["get", "namespace", "team"]).unwrap_err();
    assert!(pods.to_string().contains("NotFound"), "{pods}");
    again.stop().unwrap();
}

/// A page of the emulator, as the host gets it through the forwarder.
fn get(facts: &NodeFacts, page: &str) -> String {
    let address = facts.forward(&format!("{}:4566", facts.node_address), 0).unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(connection, "GET {page} HTTP/1.1\r\nHost: aws\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// How many processes are in the process namespace of this one.
fn inside(pid: u32) -> usize {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let wanted = namespace(&pid.to_string());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| wanted.is_some() && namespace(&entry.file_name().to_string_lossy()) == wanted).count()
}

/// No process, no folder, no control group.
fn assert_gone(facts: &NodeFacts) {
    let name = format!("qsl-{}", facts.state.file_name().unwrap().to_string_lossy());
    let begin = Instant::now();
    while Path::new(&format!("/proc/{}", facts.pid)).exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "process {} is still there", facts.pid);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!facts.state.exists());
    for tree in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        assert!(!tree.path().join(&name).exists(), "{} is left", tree.path().join(&name).display());
    }
}
