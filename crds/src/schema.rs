//! Patterns and bounds of the schema, each in one place.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A Kubernetes label name (namespaces).
pub(crate) const DNS_LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A Kubernetes object's name as our kinds have it: a subdomain of at most 63 characters.
pub(crate) const OBJECT_NAME: &str = "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$";
/// A service account's name.
pub(crate) const SERVICE_ACCOUNT: &str = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
/// An event's source.
pub(crate) const SOURCE: &str = "^qsl\\.[a-z][a-z0-9-]{0,62}$";
/// An event's source, or every source of the bus.
pub(crate) const SOURCE_OR_ALL: &str = "^(\\*|qsl\\.[a-z][a-z0-9-]{0,62})$";
/// An event's detail-type.
pub(crate) const DETAIL_TYPE: &str = "^[A-Z][A-Za-z0-9]{0,62}\\.[A-Z][A-Za-z0-9]{0,62}\\.v[1-9][0-9]{0,3}$";
/// A custom event bus's name in EventBridge.
pub(crate) const BUS_NAME: &str = "^[A-Za-z0-9._-]{1,256}$";
/// A rule's name in EventBridge; 60 characters leave room for a suffix.
pub(crate) const RULE_NAME: &str = "^[A-Za-z0-9._-]{1,60}$";
/// A queue's name in SQS; 68 characters leave room for the suffixes of its other queues.
pub(crate) const QUEUE_NAME: &str = "^[A-Za-z0-9_-]{1,68}$";
/// A queue's ARN; that it is of this installation's account and Region is the controller's to say.
pub(crate) const QUEUE_ARN: &str = "^arn:aws(-[a-z]+)*:sqs:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,80}([.]fifo)?$";
/// The message group of a FIFO target: printable, and without spaces.
pub(crate) const MESSAGE_GROUP: &str = "^[!-~]{1,100}$";
/// A KMS key, by its id, its ARN, an alias or an alias' ARN.
pub(crate) const KMS_KEY: &str = "^(arn:aws(-[a-z]+)*:kms:[a-z0-9-]{1,32}:[0-9]{12}:(key/[A-Za-z0-9-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})|alias/[A-Za-z0-9/_-]{1,250}|(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}))$";
/// What an alarm of CloudWatch does: an SNS topic, a Lambda function, an OpsItem or an incident of Systems Manager.
pub(crate) const ALARM_ACTION: &str =
    "^arn:aws(-[a-z]+)*:(sns|lambda|ssm|ssm-incidents):[a-z0-9-]{0,32}:[0-9]{0,12}:[!-~]{1,900}$";
/// An archive's name in EventBridge.
pub(crate) const ARCHIVE_NAME: &str = "^[A-Za-z0-9._-]{1,48}$";
/// A path below the application's address.
pub(crate) const PATH: &str = "^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}$";
/// A JSON pointer (RFC 6901) that is not the whole document.
pub(crate) const JSON_POINTER: &str = "^(/([^/~]|~[01])*)+$";
/// An API version: `v1`, `apps/v1`.
pub(crate) const API_VERSION: &str = "^([a-z0-9]([a-z0-9.-]{0,90}[a-z0-9])?/)?v[0-9][a-z0-9]{0,30}$";
/// A kind.
pub(crate) const KIND: &str = "^[A-Z][A-Za-z0-9]{0,62}$";
/// A key id.
pub(crate) const KID: &str = "^[A-Za-z0-9._:-]{1,128}$";
/// A duration in hours, minutes and seconds.
pub(crate) const SPAN: &str = "^([1-9][0-9]{0,5}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,7}s)?$";

/// The tags of a resource: at most forty, which leaves ten of AWS's fifty for the marks of ownership.
pub(crate) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": {"type": "string", "maxLength": 256},
        "x-kubernetes-validations": [{
            "rule": "self.all(k, size(k) <= 128 && !k.startsWith('aws:') && !k.startsWith('eventing.qsl.dev/'))",
            "message": "a tag's key has at most 128 characters and starts neither with 'aws:' nor with 'eventing.qsl.dev/', which are not yours to set",
        }],
    })
}

/// EventBridge's own grammar: the members of the outer object are checked here, their matchers by the controller.
pub(crate) fn event_pattern(_: &mut SchemaGenerator) -> Schema {
    let matchers = json_schema!({
        "type": "array", "minItems": 1, "maxItems": 100,
        "items": {"x-kubernetes-preserve-unknown-fields": true},
    });
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "source": matchers, "detail-type": matchers, "resources": matchers, "account": matchers,
            "region": matchers, "time": matchers, "id": matchers, "version": matchers, "$or": matchers,
            "detail": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
    })
}
