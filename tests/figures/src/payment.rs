//! What events of benchmarks carry.

use serde_json::{Value, json};

/// A payment with as many lines as fill the size: names, texts, decimals, integers, a null and a flag in each.
pub fn payment(nth: u32, size: usize) -> Value {
    let mut core = json!({
        "paymentId": format!("p-{nth}"), "amount": 125.5 + f64::from(nth), "currency": "EUR", "note": "café €",
        "debtor": {"name": "A. Example", "iban": "DE02120300000000202051"}, "lines": [],
    });
    let line = |at: usize| {
        json!({
            "sku": format!("sku-{nth}-{at}"), "quantity": at % 7 + 1, "price": 0.25 + f64::from(nth) * 1.75,
            "description": "A thing that somebody \"bought\"", "discount": null, "taxed": at.is_multiple_of(2),
        })
    };
    let mut bytes = core.to_string().len();
    let mut lines = Vec::new();
    while bytes + line(lines.len()).to_string().len() < size {
        lines.push(line(lines.len()));
        bytes += lines.last().map_or(0, |line| line.to_string().len() + 1);
    }
    if let Some(object) = core.as_object_mut() {
        object.insert("lines".to_owned(), lines.into());
        // The rest, to the byte or nearly.
        object.insert("memo".to_owned(), "m".repeat(size.saturating_sub(bytes + 10)).into());
    }
    core
}
