//! The operator as a process: how it ends, and what it does not say.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use eventing_process::testing::{Program, found};

const PROVIDER: (&str, &str) = ("QSL_OIDC_PROVIDER_ARN", "arn:aws:iam::000000000000:oidc-provider/issuer.test");

/// The operator with nothing of this process's environment, an API server and an AWS that are not there, and free
/// ports.
fn operator(folder: &tempfile::TempDir) -> Command {
    operator_at(folder, "127.0.0.1:1")
}

/// The same with this API server.
fn operator_at(folder: &tempfile::TempDir, api_server: &str) -> Command {
    let kubeconfig = folder.path().join("kubeconfig");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        clusters: [{{name: c, cluster: {{server: 'http://{api_server}'}}}}]\n\
        users: [{{name: c, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n"
    );
    std::fs::write(&kubeconfig, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    command.env_clear().env("KUBECONFIG", kubeconfig).env("AWS_REGION", "eu-central-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env(PROVIDER.0, PROVIDER.1);
    command.env("QSL_ADMIN_LISTEN", "127.0.0.1:0").env("QSL_WEBHOOK_LISTEN", "127.0.0.1:0");
    command.env("QSL_WEBHOOK_CERTIFICATE_DIR", folder.path().join("tls"));
    command
}

/// Runs it to its end; returns its code and all that it said.
fn ended(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn it_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_operator")).arg("--version").output().unwrap();
    let version = concat!("qsl-operator ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), version));
}

#[test]
fn a_configuration_that_cannot_work_ends_it_with_64_and_says_what_is_wrong() {
    for (variable, value, said) in [
        ("QSL_OIDC_PROVIDER_ARN", "not-an-arn", "not-an-arn"),
        ("QSL_LOG", "operator=loudly", "operator=loudly"),
        ("QSL_EVENTBRIDGE_CALLS_PER_SECOND", "51", "1..=50"),
        ("QSL_RESYNC_SECONDS", "often", "--resync-seconds"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = operator(&folder);
        command.env(variable, value);
        let (code, text) = ended(command);
        assert_eq!(code, Some(64), "{variable}={value}: {text}");
        assert!(text.contains(said), "{variable}={value}: {said} in {text}");
    }
}

#[test]
fn without_an_api_server_and_without_aws_it_lives_is_not_ready_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Running(operator(&folder).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).expect("every line is JSON");
            (line["message"] == "listening").then(|| line["address"].as_str().unwrap().to_owned())
        })
        .expect("it says where it listens");
    assert_eq!(status(&address, "/livez"), 200);
    assert_eq!(status(&address, "/readyz"), 503);

    Command::new("kill").arg("-TERM").arg(child.0.id().to_string()).status().unwrap();
    let asked = Instant::now();
    let drain = std::thread::spawn(move || lines.for_each(drop));
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    drain.join().unwrap();
}

/// Answers everything with one Secret, in a form that nobody can read.
fn garbled(key: &str) -> std::net::SocketAddr {
    use std::io::Write as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let one = format!(r#"{{"kind":"Secret","apiVersion":"v1","metadata":{{"name":"s"}},"data":"{key}"}}"#);
    let list = format!(r#"{{"kind":"List","metadata":{{"resourceVersion":"1"}},"items":[{one}]}}"#);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, one, list) = (stream.unwrap(), one.clone(), list.clone());
            std::thread::spawn(move || {
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
                let body = match head.next() {
                    Some(Ok(line)) if line.contains("limit=") => list,
                    _ => one,
                };
                while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                // It may have hung up.
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    address
}

#[test]
fn a_secret_that_cannot_be_read_is_not_quoted() {
    let (folder, key) = (tempfile::tempdir().unwrap(), "cHJpdmF0ZS1rZXktdGhhdC1uby1wYXJzZXItcmVhZHM=");
    let mut command = operator_at(&folder, &garbled(key).to_string());
    command.env("QSL_LOG", "trace,kube_client=trace,kube_runtime=trace,operator=trace");
    let program = Program::start(&mut command).unwrap();
    let patience = Duration::from_mins(1);
    for line in ["root key and certificates are not all there", "watch broken, starting anew"] {
        program.until(patience, |said| said.contains(line).then_some(())).unwrap();
    }
    let arguments = program.arguments().unwrap();
    program.terminate().unwrap();
    let (_, said) = program.ended().unwrap();
    assert_eq!(found(key, &format!("{arguments}\n{said}")), None);
    assert!(said.contains("not of the expected form at line 1 column"), "{said}");
}

/// A child that does not outlive a failed test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status(address: &str, path: &str) -> u16 {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_core_is_dumped_of_it_and_no_other_process_of_its_user_reads_it() {
    assert_eq!(eventing_process::testing::memory_is_private(env!("CARGO_BIN_EXE_operator")), Ok(()));
}
