//! What the page does with markup, with a keyboard alone, and with what it cannot get.

use serde_json::{Value, json};

use crate::browser::{ENTER, TAB};
use crate::world::{LINE, PAYMENT, World, find, step, story};

/// Attack 19.
#[tokio::test]
async fn markup_in_a_payload_is_shown_and_does_nothing() {
    let world = World::new().await;
    let markup = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script><style>body{display:none}</style>";
    let link = "javascript:window.hit=1";
    let core = json!({"note": markup, "link": link, markup: "</pre><h1>forged</h1>", "__proto__": {"hit": 1}});
    let resource = format!("{PAYMENT}\"><svg/onload=window.hit=1>");
    let mut hostile = step(1, 0, "Payment.Initiated.v1", &resource, core);
    hostile.kid = "payments-<b>9f1K".to_owned();
    hostile.user_id = Some("ada".to_owned());
    world.journal.append(hostile);
    let (_replica, _path, browser) = world.signed_in("ada", "").await;
    browser.wait_text(".recent .of", "<svg/onload=window.hit=1>").await;
    find(&browser, LINE).await;
    browser.click(".step summary").await;
    browser.wait_text(".payload pre", "onerror=").await;
    let text = browser.texts(".step").await.join("\n");
    for shown in ["</script>", "<style>", "javascript:window.hit=1", "</pre><h1>forged</h1>", "<svg/onload", "<b>9f1K"]
    {
        assert!(text.contains(shown), "{shown} is not shown in {text}");
    }
    let made = "return document.querySelectorAll('main img, main script, main style, main svg[onload], main h1, main b b').length";
    assert_eq!(browser.script(made).await, 1, "the one heading is the page's own");
    assert_eq!(browser.script("return window.hit ?? ({}).hit ?? null").await, Value::Null);
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // And if it were taken for markup, the browser would refuse: what is asserted above is not the only wall.
    let sink =
        "try { document.querySelector('main').innerHTML = '<i>'; return 'done' } catch (error) { return error.name }";
    assert_eq!(browser.script(sink).await, "TypeError");
    assert!(!browser.complaints().await.is_empty(), "the violation is told");
}

#[tokio::test]
async fn everything_can_be_done_with_a_keyboard() {
    let world = World::new().await;
    for step in story() {
        world.journal.append(step);
    }
    let (_replica, _path, browser) = world.signed_in("ada", "").await;
    browser.wait_text(".recent .id", LINE).await;
    browser.press("/").await;
    browser.press(LINE).await;
    browser.press(ENTER).await;
    browser.wait_count(".step", 6).await;
    // From the head of the page on, by Tab alone, to the second step.
    let focused =
        "document.activeElement.closest('.step:nth-child(2)') && document.activeElement.tagName === 'SUMMARY'";
    let mut stops = 0;
    while browser.script(&format!("return Boolean({focused})")).await != Value::Bool(true) {
        browser.press(TAB).await;
        stops += 1;
        assert!(stops < 20, "the second step is not reached by Tab");
    }
    let outline = browser.script("return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "where the focus is can be seen");
    browser.press(ENTER).await;
    browser.wait_text(".payload pre", "Harbour Books").await;
    browser.press(TAB).await;
    assert_eq!(browser.script("return document.activeElement.innerText.trim()").await, "Copy");
    // Each control has a name, and the page says its language and its parts.
    let nameless = "return [...document.querySelectorAll('button, a, input, summary')]
        .filter((one) => !(one.innerText || one.labels?.[0]?.textContent || '').trim()).length";
    assert_eq!(browser.script(nameless).await, 0);
    let parts = "return ['html[lang]', 'header', 'main', '[role=search]', '[role=status]', 'h1'].filter((one) => !document.querySelector(one))";
    assert_eq!(browser.script(parts).await, json!([]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Text against its ground, by WCAG's formula, in light and dark: 4.5 to 1 at least.
#[tokio::test]
async fn every_text_stands_out_from_its_ground() {
    const RATIOS: &str = r"
      const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      const colour = (text) => text.match(/[\d.]+/g).map(Number);
      const ground = (one) => {
        for (let at = one; at; at = at.parentElement) {
          const own = colour(getComputedStyle(at).backgroundColor);
          if (own.length === 3 || own[3] > 0.5) return own;
        }
        return [255, 255, 255];
      };
      const weak = [];
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const one = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !one.checkVisibility() || one.closest('svg, .unseen, .skip, noscript')) continue;
        const [a, b] = [light(colour(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) weak.push(`${texts.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
      }
      return weak";
    let world = World::new().await;
    for step in story() {
        world.journal.append(step);
    }
    world.journal.tell(crate::ground::journal::letter(Some(4), "treasury/ledger", "HANDLER_EXHAUSTED", "handle", 5));
    let (_replica, path, browser) = world.signed_in("ops", "events:operator").await;
    find(&browser, LINE).await;
    browser.click(".step summary").await;
    browser.wait_count(".step.failed", 1).await;
    path.set(crate::path::Way::Closed);
    browser.wait("!document.querySelector('.banner').hidden").await;
    for look in [crate::browser::LIGHT, crate::browser::DARK] {
        browser.look(look).await;
        assert_eq!(browser.script(RATIOS).await, json!([]));
    }
}

#[tokio::test]
async fn a_listing_that_cannot_be_had_is_said_plainly() {
    let world = World::new().await;
    for step in story() {
        world.journal.append(step);
    }
    world.journal.list_nothing();
    let (_replica, _path, browser) = world.signed_in("ada", "").await;
    browser.wait_text("main .note", "Recent correlations cannot be listed now").await;
    find(&browser, LINE).await;
    browser.wait_count(".step", 6).await;
    browser.wait_text(".notice", "Failures cannot be shown now").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
