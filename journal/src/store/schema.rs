//! The tables. Every statement may run on a database that has them already.

/// Recorded events; the record's id is the event's key in hex.
pub(super) const EVENTS: &str = "event_journal";
/// How resources stand; the record's id is the resource.
pub(super) const RESOURCES: &str = "resource_status";
/// The journal's own counters.
pub(super) const STATE: &str = "journal_state";

/// Claims of inboxes' consumers; the record's id is the inbox and the key in hex.
pub(super) const CLAIMS: &str = "claim";

/// `ts` and `sentAt` are numbers (microseconds and milliseconds since 1970) so that nothing is rounded. Trace and
/// payload are JSON text: the payload is the signature's own bytes. Each index that leads to events goes on with the
/// signed time and the position: what it finds is in order, and a part begins where the one before ended.
pub(super) const DEFINITION: &str = "
DEFINE TABLE IF NOT EXISTS event_journal SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS position ON event_journal TYPE int;
DEFINE FIELD IF NOT EXISTS eventBridgeIds ON event_journal TYPE array<string>;
DEFINE FIELD IF NOT EXISTS source ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS detailType ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS resource ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS bus ON event_journal TYPE option<string>;
DEFINE FIELD IF NOT EXISTS correlationId ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS userId ON event_journal TYPE option<string>;
DEFINE FIELD IF NOT EXISTS tenantId ON event_journal TYPE option<string>;
DEFINE FIELD IF NOT EXISTS trace ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS ts ON event_journal TYPE int;
DEFINE FIELD IF NOT EXISTS time ON event_journal TYPE option<string>;
DEFINE FIELD IF NOT EXISTS sentAt ON event_journal TYPE int;
DEFINE FIELD IF NOT EXISTS kid ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS algorithm ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS envelopeVerified ON event_journal TYPE bool;
DEFINE FIELD IF NOT EXISTS detailCore ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS status ON event_journal TYPE string;
DEFINE FIELD IF NOT EXISTS body ON event_journal TYPE string;
DEFINE INDEX IF NOT EXISTS event_position ON event_journal FIELDS position UNIQUE;
DEFINE INDEX IF NOT EXISTS event_by_correlation ON event_journal FIELDS correlationId, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_resource ON event_journal FIELDS resource, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_user ON event_journal FIELDS userId, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_tenant ON event_journal FIELDS tenantId, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_detail_type ON event_journal FIELDS detailType, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_bus ON event_journal FIELDS bus, ts, position;
DEFINE INDEX IF NOT EXISTS event_by_ts ON event_journal FIELDS ts, position;
REMOVE INDEX IF EXISTS event_correlation ON event_journal;
REMOVE INDEX IF EXISTS event_resource ON event_journal;
REMOVE INDEX IF EXISTS event_time ON event_journal;
REMOVE INDEX IF EXISTS event_detail_type ON event_journal;
INSERT IGNORE INTO journal_state { id: 'generation', last: time::millis(time::now()) } RETURN NONE;

DEFINE TABLE IF NOT EXISTS resource_status SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS status ON resource_status TYPE string;
DEFINE FIELD IF NOT EXISTS lastUpdated ON resource_status TYPE int;
DEFINE FIELD IF NOT EXISTS eventKey ON resource_status TYPE string;

DEFINE TABLE IF NOT EXISTS journal_state SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS last ON journal_state TYPE int;

DEFINE TABLE IF NOT EXISTS claim SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS handled ON claim TYPE bool;
DEFINE FIELD IF NOT EXISTS holder ON claim TYPE option<string>;
DEFINE FIELD IF NOT EXISTS lapses ON claim TYPE int;
DEFINE FIELD IF NOT EXISTS attempts ON claim TYPE int;
DEFINE FIELD IF NOT EXISTS until ON claim TYPE int;
DEFINE INDEX IF NOT EXISTS claim_until ON claim FIELDS until;

DEFINE TABLE IF NOT EXISTS dead_letter SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS inbox ON dead_letter TYPE string;
DEFINE FIELD IF NOT EXISTS code ON dead_letter TYPE string;
DEFINE FIELD IF NOT EXISTS stage ON dead_letter TYPE string;
DEFINE FIELD IF NOT EXISTS attempts ON dead_letter TYPE int;
DEFINE FIELD IF NOT EXISTS failedAt ON dead_letter TYPE int;
DEFINE FIELD IF NOT EXISTS eventKey ON dead_letter TYPE option<string>;
DEFINE FIELD IF NOT EXISTS claimedCorrelationId ON dead_letter TYPE option<string>;
DEFINE INDEX IF NOT EXISTS dead_letter_failed ON dead_letter FIELDS failedAt;
DEFINE INDEX IF NOT EXISTS dead_letter_event ON dead_letter FIELDS eventKey;
DEFINE INDEX IF NOT EXISTS dead_letter_correlation ON dead_letter FIELDS claimedCorrelationId;
";
