//! Found, followed, cut off and gone on with.

use serde_json::{Value, json};

use crate::browser::{Browser, DARK, LIGHT, PHONE};
use crate::ground::journal::hex;
use crate::path::Way;
use crate::world::{LINE, PAYMENT, World, find, sign_in, step, story};

/// The page shows that it is up to date.
async fn is_live(browser: &Browser) {
    browser.wait("document.querySelector('.pill')?.dataset.state === 'live'").await;
}

/// The steps' actions, in the order of the page.
async fn actions(browser: &Browser) -> Vec<String> {
    browser.texts(".step .title strong").await
}

#[tokio::test]
async fn somebody_signs_in_finds_a_payment_and_sees_it_move() {
    let world = World::new().await;
    for (name, detail_type, resource) in [
        (11, "Payment.Settled.v1", "urn:qsl:paymentgateway:payment:p-4655"),
        (12, "Transfer.Failed.v1", "urn:qsl:treasury:transfer:t-88"),
        (13, "Payment.Authorized.v1", "urn:qsl:paymentgateway:payment:p-4702"),
    ] {
        let mut other = step(name, name, detail_type, resource, json!({}));
        other.correlation_id = format!("c-{name}d0/groceries");
        world.journal.append(other);
    }
    let mut story = story().into_iter();
    story.by_ref().take(2).for_each(|step| world.journal.append(step));
    let (_replica, path, browser) = world.page().await;
    browser.picture("sign-in").await;
    sign_in(&browser, "ada", "").await;
    assert_eq!(browser.script("return location.search + location.pathname").await, "/", "no code stays in the address");
    browser.wait_text(".recent .id", LINE).await;
    browser.picture("recent").await;
    browser.look(PHONE).await;
    browser.picture("recent-phone").await;
    browser.look(LIGHT).await;

    find(&browser, LINE).await;
    browser.wait_count(".step", 2).await;
    is_live(&browser).await;
    assert_eq!(actions(&browser).await, ["Started", "Initiated"]);
    for (place, step) in story.enumerate() {
        world.journal.append(step);
        browser.wait_count(".step", 3 + place).await;
    }
    assert_eq!(actions(&browser).await, ["Started", "Initiated", "Authorized", "Booked", "Settled", "Completed"]);
    assert_eq!(browser.texts(".names b").await, ["w-208", "p-4711", "t-93"]);
    assert_eq!(browser.texts(".gap").await[1..4], ["+212 ms", "+1.3 s", "+8.4 s"].map(|gap| format!("after {gap}")));
    assert_eq!(browser.script("return document.querySelectorAll('.plot .dot').length").await, 6);
    let proofs = browser.texts(".proof").await;
    assert_eq!(proofs[0], "Verified ML-DSA-44 · workflows-Qm3v81XxkTz0aa2E");
    assert_eq!(proofs[1], "Verified Dilithium2 · payments-9f1Kq2LmX0aBcD3e");
    browser.picture("live").await;

    assert_eq!(
        browser.script("return document.querySelectorAll('.payload').length").await,
        0,
        "not before it is asked for"
    );
    browser.click(".step:nth-child(2) summary").await;
    browser.wait_text(".payload pre", "\"iban\": \"DE02120300000000202051\"").await;
    let shown = browser.script("return JSON.parse(document.querySelector('.payload pre').textContent)").await;
    assert_eq!(shown["references"], json!(["INV-2041", "INV-2042"]));
    browser.picture("payload").await;
    browser.look(PHONE).await;
    browser.script("document.querySelector('.step:nth-child(2) summary').scrollIntoView({block: 'center'})").await;
    browser.picture("payload-phone").await;
    browser.click(".step:nth-child(2) summary").await;
    browser.script("scrollTo(0, 0)").await;
    for (look, name) in [(DARK, "live-dark"), (PHONE, "live-phone")] {
        browser.look(look).await;
        browser.picture(name).await;
    }
    let wide = browser.script("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "a phone scrolls sideways by {wide}");

    // What is open stays open when the page is loaded again, without another sign-in.
    browser.open(&format!("{}/#c={}", path.url, "c-7f3a%2Frent%20for%20november")).await;
    browser.script("location.reload()").await;
    browser.wait_count(".step", 6).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn it_keeps_its_place_when_it_is_cut_off_and_says_so() {
    let world = World::new().await;
    let mut story = story().into_iter();
    story.by_ref().take(3).for_each(|step| world.journal.append(step));
    let (replica, path, browser) = world.signed_in("ada", "").await;
    find(&browser, LINE).await;
    browser.wait_count(".step", 3).await;
    is_live(&browser).await;
    browser.click(".step:nth-child(3) summary").await;

    path.set(Way::Closed);
    browser.wait("document.querySelector('.pill').dataset.state === 'waiting'").await;
    browser.wait_text(".banner", "What you see is as of").await;
    browser.wait_text("#said", "Reconnecting").await;
    assert_eq!(actions(&browser).await.len(), 3, "what was there stays");
    browser.picture("reconnecting").await;
    // Meanwhile it goes on, and the replica is another one.
    story.for_each(|step| world.journal.append(step));
    drop(replica);
    let other = world.replica().await;
    path.lead_to(other.address);
    path.set(Way::Open);
    browser.wait_count(".step", 6).await;
    is_live(&browser).await;
    browser.wait_text("#said", "Live again").await;
    browser.wait("document.querySelector('.banner').hidden").await;
    assert_eq!(actions(&browser).await, ["Started", "Initiated", "Authorized", "Booked", "Settled", "Completed"]);
    assert!(path.asked().to_lowercase().contains("last-event-id: 1.3"), "it goes on from where it was");
    let open = browser.script("return document.querySelector('.step:nth-child(3) details').open").await;
    assert_eq!(open, Value::Bool(true), "what was looked at stays open");
    browser.click(".step:nth-child(3) summary").await;
    browser.picture("resumed").await;
    drop(other);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_gateway_that_falls_silent_is_said_to_be_behind() {
    let world = World::new().await;
    world.journal.append(step(1, 0, "Payment.Initiated.v1", PAYMENT, json!({})));
    let (_replica, path, browser) = world.signed_in("ada", "").await;
    find(&browser, LINE).await;
    is_live(&browser).await;
    path.set(Way::Silent);
    world.journal.append(step(2, 10, "Payment.Settled.v1", PAYMENT, json!({})));
    browser.wait_text(".banner", "Behind: the gateway has been silent").await;
    browser.picture("behind").await;
    path.set(Way::Open);
    browser.wait_count(".step", 2).await;
    is_live(&browser).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_journal_that_began_anew_is_read_anew() {
    let world = World::new().await;
    story().into_iter().take(3).for_each(|step| world.journal.append(step));
    let (replica, path, browser) = world.signed_in("ada", "").await;
    find(&browser, LINE).await;
    browser.wait_count(".step", 3).await;
    is_live(&browser).await;
    // Restored, it lacks the last and has one that the page was never sent.
    path.set(Way::Closed);
    drop(replica);
    world.journal.begin_anew();
    let restored = [story().remove(0), story().remove(1), step(9, 700, "Payment.Screened.v1", PAYMENT, json!({}))];
    for step in restored {
        world.journal.append(step);
    }
    let other = world.replica().await;
    path.lead_to(other.address);
    path.set(Way::Open);
    browser.wait_text(".steps", "Screened").await;
    is_live(&browser).await;
    assert_eq!(actions(&browser).await, ["Started", "Initiated", "Screened"]);
    world.journal.append(story().remove(3));
    browser.wait_count(".step", 4).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_comes_late_or_twice_stands_once_where_it_belongs() {
    let world = World::new().await;
    let (_replica, _path, browser) = world.signed_in("ada", "").await;
    world.journal.append(step(1, 0, "Payment.Initiated.v1", PAYMENT, json!({})));
    world.journal.append(step(3, 9_000, "Payment.Settled.v1", PAYMENT, json!({})));
    find(&browser, LINE).await;
    is_live(&browser).await;
    world.journal.append(step(2, 4_000, "Payment.Authorized.v1", PAYMENT, json!({})));
    world.journal.append(step(3, 9_000, "Payment.Settled.v1", PAYMENT, json!({})));
    world.journal.append(step(4, 9_500, "Payment.Reported.v1", PAYMENT, json!({})));
    browser.wait_count(".step", 4).await;
    assert_eq!(actions(&browser).await, ["Initiated", "Authorized", "Settled", "Reported"]);
    assert_eq!(browser.texts(".gap").await[1..], ["+4.0 s", "+5.0 s", "+500 ms"].map(|gap| format!("after {gap}")));
    let keys =
        browser.script("return [...document.querySelectorAll('.plot .dot')].map((dot) => dot.dataset.key)").await;
    assert_eq!(keys, json!([hex(1), hex(2), hex(3), hex(4)]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
