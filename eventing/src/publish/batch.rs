//! Sizes and batches: what fits a bus, decided before anything is signed.

use std::collections::BTreeSet;

use super::input::NewEvent;
use super::ports::Entry;

/// The most entries of a put.
pub const ENTRIES: usize = 10;
/// The most bytes of a put.
pub const BYTES: usize = 1_048_576;
/// The most bytes of an entry by default: the event around it is larger, and has to fit into an SQS message.
pub const ENTRY_BYTES: usize = BYTES - 16 * 1024;

/// What signing adds besides the payload: `b64url` of a header of at most this many bytes, and of the signature, dots,
/// member names.
const HEADER_AND_SIGNATURE: usize = 512 * 4 / 3 + 3_227 + 256;

/// The size an event's entry will have at most. The payload travels twice: itself, and within the signature.
pub fn entry_size(event: &NewEvent) -> usize {
    let payload = event.detail_core.as_str().len();
    let trace = serde_json::to_string(&event.trace).map_or(0, |text| text.len());
    event.source.as_str().len()
        + event.detail_type.as_str().len()
        + 2 * event.resource.as_str().len()
        + trace
        + payload
        + payload.div_ceil(3) * 4
        + HEADER_AND_SIGNATURE
}

/// Groups entries, by their index, into puts: one source each, at most [`ENTRIES`] and [`BYTES`], order kept.
pub fn batches(entries: &[Entry]) -> Vec<Vec<usize>> {
    struct Batch<'a> {
        source: &'a str,
        bytes: usize,
        members: Vec<usize>,
    }
    let mut batches: Vec<Batch<'_>> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let (source, size) = (entry.source.as_str(), entry.size());
        // Only the newest batch of a source is added to, so that a source's events keep their order.
        match batches.iter_mut().rev().find(|batch| batch.source == source) {
            Some(batch) if batch.members.len() < ENTRIES && batch.bytes + size <= BYTES => {
                batch.bytes += size;
                batch.members.push(at);
            }
            _ => batches.push(Batch { source, bytes: size, members: vec![at] }),
        }
    }
    batches.into_iter().map(|batch| batch.members).collect()
}

/// Batches that go one after the other, since one request has events in several: so its events keep their order. The
/// chains themselves go side by side.
pub fn chains(batches: Vec<Vec<usize>>, owner: impl Fn(usize) -> Option<usize>) -> Vec<Vec<Vec<usize>>> {
    let mut chains: Vec<(BTreeSet<usize>, Vec<Vec<usize>>)> = Vec::new();
    for batch in batches {
        let owners: BTreeSet<usize> = batch.iter().filter_map(|index| owner(*index)).collect();
        match chains.iter_mut().find(|(others, _)| !others.is_disjoint(&owners)) {
            Some((others, chain)) => {
                others.extend(owners);
                chain.push(batch);
            }
            None => chains.push((owners, vec![batch])),
        }
    }
    chains.into_iter().map(|(_, chain)| chain).collect()
}
