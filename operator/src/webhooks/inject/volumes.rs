//! The volumes that are added: configuration, tokens, and the token that deliveries carry.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapVolumeSource, EmptyDirVolumeSource, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume,
        VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{JOURNAL_AUDIENCE, SIGNATURE_SERVICE_AUDIENCE, Settings};

/// The volume of ConfigMap `qsl-eventing`.
pub const CONFIG: &str = "qsl-eventing-config";
/// The volume of the sidecar's own tokens.
pub const IDENTITY: &str = "qsl-eventing-identity";
/// The volume of the delivery token.
pub const DELIVERY: &str = "qsl-eventing-delivery";
/// All of them.
pub const NAMES: [&str; 3] = [CONFIG, IDENTITY, DELIVERY];

/// Where the sidecar finds its configuration.
pub const CONFIG_PATH: &str = "/etc/qsl-eventing";
/// Where the sidecar finds its tokens.
pub const IDENTITY_PATH: &str = "/var/run/secrets/eventing.qsl.dev";
/// Where the delivery token is: written by the sidecar, read by the application.
pub const DELIVERY_PATH: &str = "/var/run/qsl-eventing";

/// The ConfigMap of a namespace.
const CONFIG_MAP: &str = "qsl-eventing";
/// Readable by all: only the sidecar has them, whatever its user.
const MODE: i32 = 0o444;
/// The kubelet renews at four fifths of it.
const TOKEN_SECONDS: i64 = 3600;

/// The volumes, every default written out.
pub fn volumes(settings: &Settings) -> [Volume; 3] {
    let config = Volume {
        name: CONFIG.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: CONFIG_MAP.to_owned(),
            optional: Some(true),
            default_mode: Some(MODE),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let tokens = [
        ("aws", settings.aws_audience.as_str()),
        ("signature-service", SIGNATURE_SERVICE_AUDIENCE),
        ("journal", JOURNAL_AUDIENCE),
    ];
    let identity = Volume {
        name: IDENTITY.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(MODE),
            sources: Some(tokens.map(|(folder, audience)| token(folder, audience)).to_vec()),
        }),
        ..Volume::default()
    };
    let delivery = Volume {
        name: DELIVERY.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: Some(Quantity("64Ki".to_owned())),
        }),
        ..Volume::default()
    };
    [config, identity, delivery]
}

/// What the sidecar mounts.
pub fn sidecar_mounts() -> Vec<VolumeMount> {
    vec![
        mount(CONFIG, CONFIG_PATH, Some(true)),
        mount(IDENTITY, IDENTITY_PATH, Some(true)),
        mount(DELIVERY, DELIVERY_PATH, None),
    ]
}

/// What the application's containers mount.
pub fn app_mount() -> VolumeMount {
    mount(DELIVERY, DELIVERY_PATH, Some(true))
}

fn mount(volume: &str, path: &str, read_only: Option<bool>) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), read_only, ..VolumeMount::default() }
}

fn token(folder: &str, audience: &str) -> VolumeProjection {
    VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some(audience.to_owned()),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: format!("{folder}/token"),
        }),
        ..VolumeProjection::default()
    }
}
