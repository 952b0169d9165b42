//! The whole system on a real node: `cargo xtask test` brings it up and runs this.
//! One test in steps, since each step goes on from the last and the final one takes everything down.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "test code")]

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use system_tests::cloud::{Cloud, DeadLetter};
use system_tests::environment::Endpoints;
use system_tests::forward::{Forward, Kubectl};
use system_tests::ground::Ground;
use system_tests::scenario::{self, Stage};
use system_tests::services::{Services, Trace};
use system_tests::stream::{self, Viewer};
use system_tests::tool::Tool;
use system_tests::{flow, rotation};

const PATIENCE: Duration = Duration::from_mins(2);
/// Where a sidecar takes events, on its pod's loopback.
const SIDECAR_PORT: u16 = 15080;

struct System {
    kubectl: Kubectl,
    endpoints: Endpoints,
    stage: Stage,
    _gateway: Forward,
}

#[tokio::test]
async fn the_whole_system() -> anyhow::Result<()> {
    eventing_service::install_crypto();
    let system = connect().await?;
    every_object_is_ready(&system).await.context("every object is ready")?;
    sidecars_are_injected_and_alone_hold_credentials(&system).await.context("sidecars")?;
    a_job_with_a_sidecar_finishes(&system).await.context("a Job")?;
    events_reach_everybody_once_and_forged_ones_nobody(&system).await.context("events")?;
    no_event_is_lost_while_keys_rotate_and_nothing_of_a_revoked_one_is_accepted(&system).await.context("rotation")?;
    every_good_event_is_handled_and_poison_alone_is_dead_while_pods_are_killed(&system).await.context("flow")?;
    // Whatever was forwarded ended with its pod.
    let system = connect().await?;
    what_was_sent_while_parts_were_away_arrives(&system).await.context("parts away")?;
    bad_input_is_refused_with_a_sentence(&system).await.context("bad input")?;
    people_publish_follow_and_bring_back_through_port_forwards(&system).await.context("kubectl-qsl")?;
    an_inbox_with_dead_letters_stays_and_then_aws_is_empty(&system).await.context("deletion")
}

async fn connect() -> anyhow::Result<System> {
    let endpoints = Endpoints::from_env()?;
    let kubectl = Kubectl::new(&endpoints.kubeconfig);
    let token = stream::token(&kubectl, &endpoints.identity_namespace, "u-1", "t-1", "").await?;
    let gateway = Forward::open(&kubectl, &endpoints.release_namespace, "svc/qsl-gateway", 80).await?;
    let stage = Stage {
        cloud: Cloud::new(&endpoints.aws, &endpoints.region).await,
        services: Services::connect(kubectl.clone()).await?,
        viewer: Viewer::new(&gateway.url, &token),
        trace: Trace { correlation_id: "c-node".into(), user_id: "u-1".into(), tenant_id: "t-1".into() },
    };
    Ok(System { kubectl, endpoints, stage, _gateway: gateway })
}

async fn every_object_is_ready(system: &System) -> anyhow::Result<()> {
    let table = system.kubectl.run(["get", "ebus,erule,inbox,skey", "-A"]).await?;
    println!("{table}");
    let list = system.kubectl.run(["get", "ebus,erule,inbox,skey", "-A", "-o", "json"]).await?;
    let list: Value = serde_json::from_str(&list)?;
    let items = list["items"].as_array().context("no items")?;
    ensure!(items.len() == 12, "{} objects instead of 1 bus, 2 keys, 4 rules and 5 inboxes", items.len());
    for item in items {
        let ready = item["status"]["conditions"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["type"] == "Ready"))
            .is_some_and(|one| one["status"] == "True");
        ensure!(ready, "{} {} is not Ready", item["kind"], item["metadata"]["name"]);
    }
    Ok(())
}

async fn sidecars_are_injected_and_alone_hold_credentials(system: &System) -> anyhow::Result<()> {
    for name in ["orchestration", "paymentgateway", "treasury", "compliance", "notification"] {
        let level = system.kubectl.run(["get", "namespace", name, "-o", "json"]).await?;
        let level: Value = serde_json::from_str(&level)?;
        ensure!(
            level["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted",
            "{name} is not restricted"
        );
        let template = system.kubectl.run(["-n", name, "get", "deployment", name, "-o", "json"]).await?;
        let template: Value = serde_json::from_str(&template)?;
        ensure!(template["spec"]["template"]["spec"]["initContainers"].is_null(), "{name} brings a sidecar of its own");
        let pods = system.kubectl.run(["-n", name, "get", "pods", "-l", &format!("app={name}"), "-o", "json"]).await?;
        let pods: Value = serde_json::from_str(&pods)?;
        let pod = &pods["items"][0];
        let sidecar = &pod["spec"]["initContainers"][0];
        ensure!(
            sidecar["name"] == "qsl-eventing" && sidecar["restartPolicy"] == "Always",
            "{name} has no native sidecar"
        );
        ensure!(pod["metadata"]["labels"]["eventing.qsl.dev/injected"] == "true", "{name} is not labelled");
        let mounts = |container: &Value| container["volumeMounts"].to_string();
        ensure!(mounts(sidecar).contains("/var/run/secrets/eventing.qsl.dev"), "the sidecar of {name} has no tokens");
        for container in pod["spec"]["containers"].as_array().context("containers")? {
            ensure!(!mounts(container).contains("eventing.qsl.dev"), "{name} can read the sidecar's tokens");
            ensure!(!container["env"].to_string().contains("AWS_"), "{name} has AWS settings in its environment");
        }
        ensure!(!sidecar["env"].to_string().contains("AWS_SECRET"), "the sidecar of {name} has a static key");
    }
    Ok(())
}

/// The sidecar ends after the Job's own container, and the Job is complete.
async fn a_job_with_a_sidecar_finishes(system: &System) -> anyhow::Result<()> {
    let (kubectl, namespace) = (&system.kubectl, "treasury");
    // A program that is on the node, keeps to Pod Security, and ends at once.
    let release = &system.endpoints.release_namespace;
    let operator = kubectl.run(["-n", release, "get", "deployment", "qsl-operator", "-o", "json"]).await?;
    let operator: Value = serde_json::from_str(&operator)?;
    let template = &operator["spec"]["template"]["spec"];
    let mut container = json!({"name": "once", "args": ["--version"]});
    for field in ["image", "imagePullPolicy", "securityContext"] {
        container[field] = template["containers"][0][field].clone();
    }
    let annotations = json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/inbox": "none", "eventing.qsl.dev/app-port": "8080"});
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"annotations": annotations},
            "spec": {
                "restartPolicy": "Never", "securityContext": template["securityContext"], "containers": [container],
            },
        }},
    });
    kubectl.run_with_input(&["apply", "-f", "-"], &job.to_string()).await?;
    let patience = format!("--timeout={}s", PATIENCE.as_secs());
    kubectl.run(["-n", namespace, "wait", "job/once", "--for=condition=complete", &patience]).await?;
    let pods = kubectl.run(["-n", namespace, "get", "pods", "-l", "job-name=once", "-o", "json"]).await?;
    let pods: Value = serde_json::from_str(&pods)?;
    let sidecar = &pods["items"][0]["status"]["initContainerStatuses"][0];
    ensure!(sidecar["name"] == "qsl-eventing", "the Job's pod has no sidecar: {pods}");
    ensure!(sidecar["state"]["terminated"].is_object(), "the sidecar runs on: {sidecar}");
    kubectl.run(["-n", namespace, "delete", "job", "once", "--cascade=foreground"]).await?;
    Ok(())
}

async fn events_reach_everybody_once_and_forged_ones_nobody(system: &System) -> anyhow::Result<()> {
    let stage = &system.stage;
    let mut report = stage.play(&|line| println!("  {line}")).await?;
    report.forged = stage.forge(&|line| println!("  {line}")).await?;
    scenario::check(&report)?;
    let timeline = stage.viewer.timeline(&stage.trace.correlation_id).await?;
    for forged in &report.forged {
        ensure!(
            !timeline.iter().any(|entry| scenario::is(entry, &forged.event_bridge_id)),
            "{} is in the timeline",
            forged.forgery
        );
    }
    ensure!(!timeline.iter().any(|entry| entry.detail_core["amount"] == 999_999), "a forged body is in the timeline");
    Ok(())
}

/// Two minutes of `cargo xtask soak rotation`.
async fn no_event_is_lost_while_keys_rotate_and_nothing_of_a_revoked_one_is_accepted(
    system: &System,
) -> anyhow::Result<()> {
    let ground = Ground::connect(&system.endpoints, "rotation").await?;
    let verdict = rotation::run(&ground, &rotation::Plan::short(), &|line| println!("  {line}")).await?;
    println!("{verdict}");
    verdict.check()
}

/// A little more than a minute of `cargo xtask soak flow`, with other kills each time.
async fn every_good_event_is_handled_and_poison_alone_is_dead_while_pods_are_killed(
    system: &System,
) -> anyhow::Result<()> {
    let ground = Ground::connect(&system.endpoints, "flow").await?;
    let seed = jiff::Timestamp::now().as_millisecond().unsigned_abs();
    println!("seed {seed}");
    let verdict = flow::soak(&ground, &flow::Plan::short(seed), &|line| println!("  {line}")).await?;
    println!("{verdict}");
    verdict.check()
}

async fn what_was_sent_while_parts_were_away_arrives(system: &System) -> anyhow::Result<()> {
    let (stage, kubectl) = (&system.stage, &system.kubectl);
    let release = &system.endpoints.release_namespace;
    let before = stage.viewer.timeline(&stage.trace.correlation_id).await?;
    let trace = Trace { correlation_id: "c-away".into(), ..stage.trace.clone() };
    kubectl.run(["-n", "treasury", "scale", "deployment/treasury", "--replicas=0"]).await?;
    kubectl.run(["-n", release, "delete", "pod", "qsl-journal-0", "--grace-period=0", "--force"]).await?;
    stage.services.payment("p-away", "initiated", &trace).await?;
    stage.services.payment("p-away", "settled", &trace).await?;
    kubectl.run(["-n", "treasury", "scale", "deployment/treasury", "--replicas=1"]).await?;
    kubectl.run(["-n", "treasury", "rollout", "status", "deployment/treasury", "--timeout=120s"]).await?;
    let away = stage.viewer.wait_timeline("c-away", 2, PATIENCE).await?;
    ensure!(
        away[0].detail_type == "Payment.Initiated.v1" && away[1].detail_type == "Payment.Settled.v1",
        "order: {away:?}"
    );
    let handled = stage.services.wait_handled("treasury", "c-away", 2, PATIENCE).await?;
    ensure!(handled.iter().all(|one| one.deliveries == 1), "treasury got copies: {handled:?}");
    let keys = |entries: &[stream::Entry]| entries.iter().map(|entry| entry.event_key.clone()).collect::<Vec<_>>();
    let after = stage.viewer.timeline(&stage.trace.correlation_id).await?;
    ensure!(keys(&before) == keys(&after), "the timeline changed with the journal's restart");
    Ok(())
}

async fn bad_input_is_refused_with_a_sentence(system: &System) -> anyhow::Result<()> {
    let inbox = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
        "metadata": {"name": "bad", "namespace": "treasury"}, "spec": {"queueName": "not a queue"}});
    let refusal = system
        .kubectl
        .run_with_input(&["apply", "-f", "-"], &inbox.to_string())
        .await
        .err()
        .context("a bad queue name was taken")?;
    ensure!(refusal.to_string().contains("queueName"), "the field is not named: {refusal}");

    let annotations = json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/inbox": "treasury",
        "eventing.qsl.dev/app-port": "http"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "bad", "namespace": "treasury", "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "qsl-example-treasury"}]}});
    let refusal = system
        .kubectl
        .run_with_input(&["apply", "-f", "-"], &pod.to_string())
        .await
        .err()
        .context("a bad annotation was taken")?;
    ensure!(refusal.to_string().contains("eventing.qsl.dev/app-port"), "the annotation is not named: {refusal}");

    let url = system.stage.cloud.queue_url("qsl-treasury-inbox").await?;
    system.stage.cloud.sqs.send_message().queue_url(&url).message_body("not an event").send().await?;
    let letters = system.stage.cloud.queue_url("qsl-treasury-inbox-dlq").await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = system.stage.cloud.peek(&letters).await?.into_iter().find(|one| one.body == "not an event");
        if let Some(letter) = found {
            ensure!(letter.attributes.get("qsl.code").map(String::as_str) == Some("BODY_MALFORMED"), "{letter:?}");
            break;
        }
        ensure!(tokio::time::Instant::now() < deadline, "a message that is no event did not become a dead letter");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let trace = Trace { correlation_id: "c-after-poison".into(), ..system.stage.trace.clone() };
    system.stage.services.payment("p-after", "initiated", &trace).await?;
    system.stage.services.wait_handled("treasury", "c-after-poison", 1, PATIENCE).await?;
    bad_publishes_are_refused_and_nothing_of_them_arrives(system).await
}

/// At the injected sidecar itself, as the service in its pod would post to it.
async fn bad_publishes_are_refused_and_nothing_of_them_arrives(system: &System) -> anyhow::Result<()> {
    let sidecar = Forward::open(&system.kubectl, "paymentgateway", "deployment/paymentgateway", SIDECAR_PORT).await?;
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
    let good = json!({
        "source": "qsl.payment", "detailType": "Payment.Initiated.v1",
        "resource": "urn:qsl:paymentgateway:payment:p-bad",
        "trace": {"correlationId": "c-bad", "userId": "u-1", "tenantId": "t-1"},
        "detailCore": {"paymentId": "p-bad", "amount": 1},
    });
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    let twice = r#"{"source": "qsl.payment", "source": "qsl.payment"}"#.to_owned();
    for (field, body) in [
        ("detailType", with("/detailType", json!("payment initiated"))),
        ("resource", with("/resource", json!("p-bad"))),
        ("trace", with("/trace/correlationId", json!(""))),
        ("detailCore", with("/detailCore", json!([1]))),
        // It may publish payments alone.
        ("source", with("/source", json!("qsl.workflow"))),
        // No field is to blame, but all of it.
        ("", twice),
    ] {
        let request = http.post(format!("{}/v1/events", sidecar.url)).header("content-type", "application/json");
        let answer = request.body(body.clone()).send().await?;
        let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
        let text = answer.text().await?;
        ensure!(status.is_client_error(), "{body} was answered {status}: {text}");
        ensure!(kind.is_some_and(|kind| kind == "application/problem+json"), "{body} got no problem document: {text}");
        let problem: Value = serde_json::from_str(&text)?;
        ensure!(problem["errors"][0]["field"] == field, "the problem does not name {field:?}: {text}");
    }
    // What came after them is there, so they would be by now.
    let trace = Trace { correlation_id: "c-bad".into(), ..system.stage.trace.clone() };
    system.stage.services.payment("p-good", "initiated", &trace).await?;
    let timeline = system.stage.viewer.wait_timeline("c-bad", 1, PATIENCE).await?;
    ensure!(timeline.len() == 1, "a refused event is in the timeline: {timeline:?}");
    Ok(())
}

/// `kubectl-qsl`, with the real signature service and AWS's roles.
async fn people_publish_follow_and_bring_back_through_port_forwards(system: &System) -> anyhow::Result<()> {
    let (tool, cloud) = (Tool::from_env(&system.endpoints)?, &system.stage.cloud);
    let publish = async |correlation: &str, amount: f64| {
        let event = json!({
            "source": "qsl.payment", "detailType": "Payment.Initiated.v1",
            "resource": format!("urn:qsl:paymentgateway:payment:p-{correlation}"),
            "trace": {"correlationId": correlation, "userId": "u-1", "tenantId": "t-1"},
            "detailCore": {"paymentId": format!("p-{correlation}"), "amount": amount},
        });
        let arguments = ["publish", "platform/qsl-core", "--as", "paymentgateway/paymentgateway", "-"];
        let said = tool.run(&arguments, &event.to_string()).await?;
        ensure!(said.lines.len() == 1 && said.lines[0]["outcome"] == "published", "{said:?}");
        anyhow::Ok(())
    };
    let correlation = "--correlation=c-by-hand";
    let mut tail =
        tool.follow(&["tail", "platform/qsl-core", "--as=platform/default", "--for=10m", "-o=json", correlation])?;
    // Its queue is new, and gets what is published once its rule is there.
    let seen = async {
        loop {
            publish("c-by-hand", 1.0).await?;
            if let Ok(seen) = tokio::time::timeout(Duration::from_secs(3), tail.next()).await {
                return seen;
            }
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await.context("the tail shows nothing")??;
    ensure!(seen["verdict"] == "ok" && seen["detailCore"]["paymentId"] == "p-c-by-hand", "the tail shows {seen}");
    tail.end().await.context("the tail")?;
    system.stage.services.wait_handled("treasury", "c-by-hand", 1, PATIENCE).await?;

    // Treasury refuses it, and once more when it is brought back.
    publish("c-refused", -1.0).await?;
    let url = cloud.queue_url("qsl-treasury-inbox-dlq").await?;
    let refused = async |redrives: Option<&str>| {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let is = |letter: &DeadLetter| letter.attributes.get("qsl.redrives").map(String::as_str) == redrives;
            let letters = cloud.peek(&url).await?;
            if letters.iter().any(|letter| letter.body.contains("c-refused") && is(letter)) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < deadline, "no dead letter of c-refused, redrives {redrives:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    refused(None).await?;
    let dlq = |verb: &'static str| ["dlq", verb, "treasury/treasury", "--correlation=c-refused", "--yes"];
    let said = tool.run(&dlq("redrive"), "").await?;
    ensure!(said.lines.len() == 1 && said.lines[0]["outcome"] == "sent", "{said:?}");
    refused(Some("1")).await?;
    let said = tool.run(&dlq("drop"), "").await?;
    ensure!(said.sentences.contains("1 dropped"), "{said:?}");
    Ok(())
}

async fn an_inbox_with_dead_letters_stays_and_then_aws_is_empty(system: &System) -> anyhow::Result<()> {
    let (kubectl, cloud) = (&system.kubectl, &system.stage.cloud);
    kubectl.run(["-n", "treasury", "delete", "inbox", "treasury", "--wait=false"]).await?;
    kubectl
        .run(["-n", "treasury", "wait", "inbox/treasury", "--for=condition=DeletionBlocked", "--timeout=60s"])
        .await
        .context("the inbox with dead letters is not DeletionBlocked")?;
    ensure!(cloud.queue_url("qsl-treasury-inbox-dlq").await.is_ok(), "the dead letters are gone");
    // Emptied, it goes.
    cloud.purge("qsl-treasury-inbox-dlq").await?;
    kubectl.run(["-n", "treasury", "wait", "inbox/treasury", "--for=delete", "--timeout=120s"]).await?;
    // The others are forced.
    let inboxes = [
        ("compliance", "compliance"),
        ("notification", "notification"),
        ("qsl-system", "journal"),
        ("qsl-system", "clientupdates"),
    ];
    for (namespace, name) in inboxes {
        kubectl.run(["-n", namespace, "annotate", "inbox", name, "eventing.qsl.dev/force-delete=true"]).await?;
    }
    for deployment in ["orchestration", "paymentgateway", "treasury", "compliance", "notification"] {
        kubectl.run(["-n", deployment, "delete", "deployment", deployment]).await?;
    }
    kubectl.run(["delete", "ebus,erule,inbox,skey", "--all", "-A", "--timeout=180s"]).await?;
    let left = cloud.inventory().await?;
    ensure!(left.is_empty(), "left in AWS: {left:?}");
    Ok(())
}
