//! The sidecar's container: a native sidecar, under Pod Security `restricted`, every default written out.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, ExecAction, HTTPGetAction, Lifecycle,
        LifecycleHandler, ObjectFieldSelector, Pod, PodSpec, Probe, ResourceRequirements, SeccompProfile,
        SecurityContext,
    },
    apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString},
};

use super::{
    ADMIN_PORT, LISTEN_PORT, Request, Settings,
    annotations::Resources,
    checks,
    volumes::{CONFIG_PATH, IDENTITY_PATH, sidecar_mounts},
};

/// The container's name.
pub const NAME: &str = "qsl-eventing";
/// The variable that tells the application where to post events.
pub const URL_VARIABLE: &str = "QSL_EVENTING_URL";
/// Its value.
pub const URL: &str = "http://127.0.0.1:15080";
/// The variable that tells the application where the delivery token is.
pub const TOKEN_FILE_VARIABLE: &str = "QSL_EVENTING_TOKEN_FILE";
/// Its value.
pub const TOKEN_FILE: &str = "/var/run/qsl-eventing/token";
/// The variable that tells the sidecar which roots to trust: SHA-256 in hex, with commas between.
pub const ROOT_VARIABLE: &str = "QSL_ROOT_SHA256";

/// The variable that tells the sidecar from which inbox it receives.
pub const INBOX_VARIABLE: &str = "QSL_INBOX";
/// The variable that tells the sidecar on which bus it publishes: NAMESPACE/NAME.
pub const BUS_VARIABLE: &str = "QSL_PUBLISH_TO";

/// The first user id that is tried. Not 65532, which many images have without saying so in the pod.
const FIRST_USER: i64 = 15_080;

/// The sidecar that `request` asks for, in a pod with this spec.
pub fn container(spec: &PodSpec, request: &Request, settings: &Settings) -> Container {
    let user = free_user(spec);
    Container {
        name: NAME.to_owned(),
        image: Some(request.image.clone().unwrap_or_else(|| settings.image.clone())),
        image_pull_policy: Some(settings.image_pull_policy.clone()),
        args: Some(vec!["run".to_owned()]),
        restart_policy: Some("Always".to_owned()),
        env: Some(environment(request, settings)),
        ports: Some(vec![ContainerPort {
            name: Some("qsl-admin".to_owned()),
            container_port: i32::from(ADMIN_PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: Some(resources(&request.resources)),
        security_context: Some(security(user)),
        startup_probe: Some(probe("/startupz", 1, 60)),
        liveness_probe: Some(probe("/livez", 10, 3)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction { command: Some(vec!["/consumer-sidecar".to_owned(), "drain".to_owned()]) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(sidecar_mounts()),
        termination_message_path: Some("/dev/termination-log".to_owned()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

/// The sidecar of a pod, if it has one.
pub fn of(pod: &Pod) -> Option<&Container> {
    pod.spec.as_ref()?.init_containers.iter().flatten().find(|container| container.name == NAME)
}

/// A user id that no other container of the pod says it has.
fn free_user(spec: &PodSpec) -> i64 {
    let pod = spec.security_context.as_ref().and_then(|context| context.run_as_user);
    let of = |container: &Container| container.security_context.as_ref().and_then(|context| context.run_as_user);
    let taken: BTreeSet<i64> = checks::others(spec).filter_map(of).chain(pod).collect();
    // One more candidate than could be taken.
    let last = FIRST_USER.saturating_add_unsigned(taken.len() as u64);
    (FIRST_USER..=last).find(|user| !taken.contains(user)).unwrap_or(FIRST_USER)
}

fn environment(request: &Request, settings: &Settings) -> Vec<EnvVar> {
    let mut variables = vec![
        field("QSL_NAMESPACE", "metadata.namespace"),
        field("QSL_POD_NAME", "metadata.name"),
        // Where nobody but the sidecar should reach the application.
        field("QSL_POD_IPS", "status.podIPs"),
        field("QSL_SERVICE_ACCOUNT", "spec.serviceAccountName"),
    ];
    if let Some(consume) = &request.consume {
        variables.push(value(INBOX_VARIABLE, &consume.inbox));
        variables.push(value("QSL_APP_PORT", &consume.port.to_string()));
        variables.extend(consume.path.iter().map(|path| value("QSL_APP_PATH", path)));
        variables.extend(consume.health_path.iter().map(|path| value("QSL_APP_HEALTH_PATH", path)));
    }
    variables.extend(request.publish_to.iter().map(|bus| value(BUS_VARIABLE, &bus.to_string())));
    variables.extend([
        value(ROOT_VARIABLE, &settings.root_sha256.join(",")),
        value("QSL_CONFIG_DIR", CONFIG_PATH),
        value("QSL_LISTEN", &format!("127.0.0.1:{LISTEN_PORT}")),
        value("QSL_ADMIN_LISTEN", &format!("0.0.0.0:{ADMIN_PORT}")),
        value("QSL_DELIVERY_TOKEN_FILE", TOKEN_FILE),
        value("QSL_TOKEN_DIR", IDENTITY_PATH),
        value("QSL_REQUIRE_TOKEN", if request.require_token { "true" } else { "false" }),
        value("QSL_DRAIN_SECONDS", &request.drain_seconds.to_string()),
        value("QSL_LOG", request.log_level.unwrap_or(&settings.log_level)),
        value("AWS_REGION", &settings.region),
    ]);
    variables.extend(settings.aws_endpoint.iter().map(|endpoint| value("AWS_ENDPOINT_URL", endpoint)));
    variables.extend(settings.otlp_endpoint.iter().map(|endpoint| value("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)));
    variables
}

/// A variable with that value. A `$` is doubled, since Kubernetes expands `$(NAME)`.
fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.replace('$', "$$")), ..EnvVar::default() }
}

fn field(name: &str, path: &str) -> EnvVar {
    let field = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value_from: Some(source), ..EnvVar::default() }
}

fn resources(asked: &Resources) -> ResourceRequirements {
    let quantity = |text: &String| Quantity(text.clone());
    let mut limits = BTreeMap::from([("memory".to_owned(), quantity(&asked.memory_limit))]);
    limits.extend(asked.cpu_limit.iter().map(|limit| ("cpu".to_owned(), quantity(limit))));
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), quantity(&asked.cpu_request)),
            ("memory".to_owned(), quantity(&asked.memory_request)),
        ])),
        limits: Some(limits),
        ..ResourceRequirements::default()
    }
}

fn security(user: i64) -> SecurityContext {
    SecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        privileged: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..SecurityContext::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(i32::from(ADMIN_PORT)),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        success_threshold: Some(1),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}
