//! The second half of `cargo xtask demo`: the system is up, and the story is played and told.
#![allow(clippy::print_stdout, reason = "this is what the demo shows")]

use std::path::PathBuf;

use anyhow::Context as _;
use system_tests::cloud::Cloud;
use system_tests::environment::Endpoints;
use system_tests::forward::{Forward, Kubectl};
use system_tests::scenario::{Stage, check};
use system_tests::services::{Services, Trace};
use system_tests::stream::{self, Viewer};

/// The local port of the identity provider, as tests/demo/identity-provider.yaml has it.
const SIGN_IN: u16 = 8399;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    eventing_service::install_crypto();
    let file = PathBuf::from(std::env::var_os("QSL_ENDPOINTS").context("QSL_ENDPOINTS names the endpoints file")?);
    let endpoints = Endpoints::read(&file)?;
    let kubectl = Kubectl::new(&endpoints.kubeconfig);
    let stay = std::env::args().nth(1).as_deref() == Some("--stay");

    let token = stream::token(&kubectl, &endpoints.identity_namespace, "u-1", "t-1", "").await?;
    let gateway = Forward::open(&kubectl, &endpoints.release_namespace, "svc/qsl-gateway", 80).await?;
    let endpoints = Endpoints { gateway: Some(gateway.url.clone()), token: Some(token.clone()), ..endpoints };
    endpoints.write(&file)?;

    let correlation_id = format!("c-demo-{}", jiff::Timestamp::now().as_millisecond());
    let stage = Stage {
        cloud: Cloud::new(&endpoints.aws, &endpoints.region).await,
        services: Services::connect(kubectl.clone()).await?,
        viewer: Viewer::new(&gateway.url, &token),
        trace: Trace { correlation_id: correlation_id.clone(), user_id: "u-1".into(), tenant_id: "t-1".into() },
    };
    println!("\nTimeline of {correlation_id}, live:");
    let mut report = stage.play(&|line| println!("  {line}")).await?;
    println!("\nForged events, put on the bus past every sidecar:");
    report.forged = stage.forge(&|line| println!("  {line}")).await?;
    let path = file.with_file_name("report.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)?;
    check(&report)?;
    println!(
        "\nEvery event was handled once by each service, in order; every forged one is a dead letter. {}",
        path.display()
    );
    if stay {
        // Where its own discovery says that browsers find it.
        let identity = &endpoints.identity_namespace;
        let provider = Forward::open_at(&kubectl, identity, "svc/identity-provider", 80, Some(SIGN_IN)).await;
        println!("\nLook further:");
        match &provider {
            Ok(_) => println!("  {}/#c={correlation_id}    # the page: sign in as u-1", gateway.url),
            Err(error) => println!("  nobody can sign in on the page: port {SIGN_IN} cannot be forwarded: {error:#}"),
        }
        println!("  kubectl --kubeconfig {} get ebus,erule,inbox,skey -A", endpoints.kubeconfig.display());
        println!(
            "  curl -H \"Authorization: Bearer $(jq -r .token {})\" {}/events/{correlation_id}",
            file.display(),
            gateway.url
        );
        println!("Ctrl-C ends the demo and everything it started.");
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}
