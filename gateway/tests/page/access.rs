//! Who sees what: nothing of another's, nothing without a token, and of what failed what the token allows.

use serde_json::json;

use crate::browser::{DARK, PHONE};
use crate::ground::journal::letter;
use crate::world::{LINE, PAYMENT, TRANSFER, World, answer, find, sign_in, step, story};

#[tokio::test]
async fn anothers_correlation_and_one_that_nobody_knows_look_alike() {
    let world = World::new().await;
    for step in story() {
        world.journal.append(step);
    }
    let (_replica, _path, browser) = world.signed_in("ben", "").await;
    browser.wait_text("main .note", "Nothing happened lately that you may see").await;
    find(&browser, LINE).await;
    browser.wait_text(".refused h1", "Nothing here that you may see").await;
    browser.picture("refused").await;
    let anothers = browser.texts(".refused").await[0].replace(LINE, "");
    find(&browser, "nobody-knows").await;
    browser.wait_text(".refused .id", "nobody-knows").await;
    assert_eq!(browser.texts(".refused").await[0].replace("nobody-knows", ""), anothers);
    // Whoever is allowed to sees it appear with one more look.
    let mut first = step(9, 0, "Payment.Initiated.v1", PAYMENT, json!({}));
    (first.correlation_id, first.user_id) = ("nobody-knows".to_owned(), Some("ben".to_owned()));
    world.journal.append(first);
    browser.click(".refused button").await;
    browser.wait_count(".step", 1).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operator_waits_for_the_first_step_of_what_is_not_there_yet() {
    let world = World::new().await;
    let (_replica, _path, browser) = world.signed_in("ops", "events:operator").await;
    find(&browser, LINE).await;
    browser.wait_text(".empty h2", "Nothing has happened yet").await;
    browser.picture("empty").await;
    for step in story() {
        world.journal.append(step);
    }
    browser.wait_count(".step", 6).await;
    assert_eq!(browser.script("return document.querySelector('.empty').hidden").await, true);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn failures_stand_at_their_steps_and_what_proved_nothing_is_for_operators() {
    let world = World::new().await;
    story().into_iter().take(4).for_each(|step| world.journal.append(step));
    let mut unsigned =
        step(7, 12_400, "Transfer.Failed.v1", TRANSFER, json!({"transferId": "t-93", "reason": "limit"}));
    unsigned.envelope_verified = false;
    world.journal.append(unsigned);
    world.journal.tell(letter(Some(4), "treasury/ledger", "HANDLER_EXHAUSTED", "handle", 5));
    world.journal.tell(letter(None, "compliance/compliance", "PAYLOAD_MISMATCH", "verify", 0));
    let (_replica, path, browser) = world.signed_in("ada", "").await;
    find(&browser, LINE).await;
    browser.wait_text(".step:nth-child(4) .failures", "treasury/ledger could not handle it after 5 attempts").await;
    browser.wait_text(".sum .bad", "1 failure").await;
    assert_eq!(browser.texts(".step").await.len(), 4, "the unsigned envelope is not ada's to see");
    assert_eq!(browser.script("return document.querySelector('.letters').hidden").await, true);

    browser.click("#sign-out").await;
    browser.wait("document.querySelector('.welcome')").await;
    browser.open(&path.url).await;
    sign_in(&browser, "ops", "events:operator").await;
    find(&browser, LINE).await;
    browser.wait_text(".letters", "compliance/compliance refused it as not genuine").await;
    browser.wait_text(".letters code", "PAYLOAD_MISMATCH").await;
    browser.wait_text(".step:nth-child(5) .proof", "Body verified, envelope not").await;
    browser.wait_text(".sum .bad", "2 failures").await;
    browser.picture("failed").await;
    for (look, name) in [(DARK, "failed-dark"), (PHONE, "failed-phone")] {
        browser.look(look).await;
        browser.picture(name).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn when_the_token_ends_the_page_says_so_and_a_new_sign_in_leads_back() {
    let world = World::with_tokens_for(6).await;
    story().into_iter().take(2).for_each(|step| world.journal.append(step));
    let (_replica, _path, browser) = world.signed_in("ada", "").await;
    find(&browser, LINE).await;
    browser.wait_count(".step", 2).await;
    browser.wait_text(".banner", "Your sign-in has ended").await;
    assert_eq!(browser.texts(".step").await.len(), 2, "what was there stays");
    browser.picture("signed-out").await;
    world.journal.append(story().remove(2));
    browser.click(".banner button").await;
    answer(&browser, "ada", "").await;
    browser.wait_count(".step", 3).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_sign_in_that_was_cancelled_or_not_begun_here_gives_nothing() {
    let world = World::new().await;
    let (_replica, path, browser) = world.page().await;
    browser.click("main button").await;
    browser.click("[name=cancel]").await;
    browser.wait_text(".trouble", "The sign-in was cancelled.").await;
    browser.open(&format!("{}/?code=0b54f1a6-6f51-4d0c-b1d5-5d1a2b3c4d5e&state=forged", path.url)).await;
    browser.wait_text(".trouble", "This sign-in was not begun in this tab").await;
    assert_eq!(browser.script("return location.search").await, "");
    assert_eq!(browser.script("return sessionStorage.length").await, 0);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
