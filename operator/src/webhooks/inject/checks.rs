//! Pods that a sidecar cannot serve, or that have something where the sidecar's things go.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::{
    ADMIN_PORT, INJECTED, LISTEN_PORT, Refusal,
    sidecar::{NAME, TOKEN_FILE, TOKEN_FILE_VARIABLE, URL, URL_VARIABLE},
    volumes::{DELIVERY, DELIVERY_PATH, NAMES},
};

/// Refuses what must be refused.
pub fn check(pod: &Pod) -> Result<(), Refusal> {
    let spec = pod.spec.as_ref().filter(|spec| !spec.containers.is_empty()).ok_or(Refusal::NoContainers)?;
    shared(spec)?;
    windows(spec)?;
    if !has_label(pod) {
        names(spec)?;
    }
    others(spec).try_for_each(container)
}

/// Whether the pod says that it has its sidecar.
pub fn has_label(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(INJECTED)).is_some_and(|value| value == "true")
}

/// Every container but the sidecar.
pub fn others(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let init = spec.init_containers.iter().flatten().filter(|container| container.name != NAME);
    init.chain(&spec.containers)
}

fn shared(spec: &PodSpec) -> Result<(), Refusal> {
    let fields = [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("shareProcessNamespace", spec.share_process_namespace),
    ];
    match fields.into_iter().find(|(_, set)| *set == Some(true)) {
        Some((field, _)) => Err(Refusal::Shared { field }),
        None => Ok(()),
    }
}

fn windows(spec: &PodSpec) -> Result<(), Refusal> {
    let by_name = spec.os.as_ref().is_some_and(|os| os.name == "windows");
    let selector = spec.node_selector.as_ref().and_then(|selector| selector.get("kubernetes.io/os"));
    if by_name || selector.is_some_and(|os| os == "windows") { Err(Refusal::Windows) } else { Ok(()) }
}

/// A pod without our label has nothing with our names.
fn names(spec: &PodSpec) -> Result<(), Refusal> {
    let taken = |what, name: &str| Err(Refusal::NameTaken { what, name: name.to_owned() });
    if spec.init_containers.iter().flatten().chain(&spec.containers).any(|container| container.name == NAME) {
        return taken("container", NAME);
    }
    match spec.volumes.iter().flatten().find(|volume| NAMES.contains(&volume.name.as_str())) {
        Some(volume) => taken("volume", &volume.name),
        None => Ok(()),
    }
}

fn container(container: &Container) -> Result<(), Refusal> {
    if container.name == NAME {
        return Err(Refusal::NameTaken { what: "container", name: NAME.to_owned() });
    }
    for (variable, ours) in [(URL_VARIABLE, URL), (TOKEN_FILE_VARIABLE, TOKEN_FILE)] {
        let set = container.env.iter().flatten().find(|set| set.name == variable);
        if set.is_some_and(|set| set.value.as_deref() != Some(ours) || set.value_from.is_some()) {
            return Err(Refusal::VariableTaken { container: container.name.clone(), variable });
        }
    }
    for mount in container.volume_mounts.iter().flatten() {
        let ours = NAMES.contains(&mount.name.as_str());
        let delivery = mount.name == DELIVERY && mount.mount_path == DELIVERY_PATH && mount.read_only == Some(true);
        if !delivery && (ours || is_in(&mount.mount_path, DELIVERY_PATH)) {
            let (volume, path) = (mount.name.clone(), mount.mount_path.clone());
            return Err(Refusal::MountTaken { container: container.name.clone(), volume, path });
        }
    }
    let ours = [i32::from(LISTEN_PORT), i32::from(ADMIN_PORT)];
    match container.ports.iter().flatten().find(|port| ours.contains(&port.container_port)) {
        Some(port) => Err(Refusal::PortTaken { container: container.name.clone(), port: port.container_port }),
        None => Ok(()),
    }
}

/// Whether `path` is `folder` or in it. A mount on a folder above is no harm: the deeper one is mounted after it.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
