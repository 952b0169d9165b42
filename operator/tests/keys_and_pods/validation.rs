//! What the schema cannot see is refused at apply.

use serde_json::json;

use crate::rig::Case;
use crate::rig::eventually;

#[tokio::test]
async fn two_keys_for_one_source_and_two_buses_of_one_name_are_refused_with_the_other_s_name() {
    let case = Case::new().await;
    case.bus_and_key().await;
    // The webhook judges by what it has seen of the first.
    let refused = eventually("the second key is refused", || async {
        case.key("more-coins", &["qsl.coin"]).await.map_or_else(|error| Ok(error.to_string()), |_| Err("accepted"))
    })
    .await;
    assert!(refused.contains("SigningKey coins") && refused.contains("qsl.coin"), "{refused}");
    let refused = case.apply("EventBus", "shop", "other", &json!({"busName": case.namespace("bus")})).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&format!("EventBus {}/core", case.namespace("platform"))), "{refused}");
    case.key("notes", &["qsl.note"]).await.unwrap();
}
