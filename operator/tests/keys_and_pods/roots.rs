//! The root rotates: on an API server of its own, since every pod with a sidecar counts.

use std::sync::Arc;

use eventing::{keyset::KeySetDocument, signing::sign_keyset, time::Micros};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Secret};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use operator::installation::{Installation, Installed, Root};
use serde_json::json;
use test_cluster::ControlPlane;

use crate::rig::{KEYS, RELEASE, client_of, installation, make_namespace};

struct Alone {
    _plane: ControlPlane,
    client: Client,
    replica: Installation,
    other: Installation,
    start: Timestamp,
}

impl Alone {
    async fn new() -> Self {
        eventing_service::install_crypto();
        let plane = tokio::task::spawn_blocking(|| ControlPlane::start().unwrap()).await.unwrap();
        let client = client_of(plane.kubeconfig()).await;
        for namespace in [RELEASE, KEYS, "shop"] {
            make_namespace(&client, namespace, &json!({})).await;
        }
        let (replica, other) = (installation(&client, RELEASE), installation(&client, RELEASE));
        Self { _plane: plane, client, replica, other, start: Timestamp::now() }
    }

    /// A round of one replica, so many minutes after the start. Each call is a new process: all it knows it reads.
    async fn at(&self, minutes: i64) -> Installed {
        self.replica.ensure(self.start + SignedDuration::from_mins(minutes)).await.unwrap()
    }

    async fn ask(&self, request: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), RELEASE);
        let patch = json!({"metadata": {"annotations": {"eventing.qsl.dev/rotate-requested-at": request}}});
        secrets.patch("qsl-root", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn given_out(&self) -> Vec<String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), RELEASE);
        let text = maps.get("qsl-root").await.unwrap().data.unwrap()["root.sha256"].clone();
        text.lines().map(str::to_owned).collect()
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "shop")
    }

    /// A pod as the injector makes it of what `installed` says.
    async fn inject(&self, name: &str, installed: &Installed) {
        let hashes = installed.root_hashes().join(",");
        let sidecar = json!({
            "name": "qsl-eventing", "image": "sidecar.test/image", "restartPolicy": "Always",
            "env": [{"name": "QSL_ROOT_SHA256", "value": hashes}],
        });
        let pod = json!({
            "metadata": {"name": name, "labels": {"eventing.qsl.dev/injected": "true"}},
            "spec": {"initContainers": [sidecar], "containers": [{"name": "app", "image": "app.test/image"}]},
        });
        self.pods().create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    /// A key set that `root` signed, where the operator keeps them.
    async fn publish(&self, root: &Arc<Root>) {
        let bus = "platform/core".parse().unwrap();
        let document = KeySetDocument { bus, version: 1, issued: 1, expires: 2, keys: Vec::new() };
        let text = sign_keyset(root.key(), &document, Micros(1)).unwrap();
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "keyset-test", "labels": {"app.kubernetes.io/managed-by": "qsl-eventing"}},
            "data": {"keyset": text},
        });
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), KEYS);
        maps.patch("keyset-test", &PatchParams::apply("tests").force(), &Patch::Apply(&map)).await.unwrap();
    }

    async fn told(&self) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), "shop");
        let found = events.list(&ListParams::default()).await.unwrap().items;
        let unknown = found.into_iter().filter(|event| event.reason.as_deref() == Some("RootUnknown"));
        unknown.filter_map(|event| event.involved_object.name).collect()
    }
}

#[tokio::test]
async fn a_new_root_signs_when_every_pod_knows_it_and_the_old_one_goes_when_nothing_of_it_stands() {
    let case = Alone::new().await;
    let first = case.at(0).await;
    assert_eq!(case.given_out().await, first.root_hashes());
    case.inject("early", &first).await;
    case.publish(&first.root).await;

    case.ask("monday").await;
    let announced = case.at(1).await;
    assert_eq!(announced.root.sha256(), first.root.sha256(), "the first one signs");
    let both = announced.root_hashes();
    assert_eq!((both.len(), case.given_out().await), (2, both.clone()));
    case.inject("late", &announced).await;

    // However long it takes: a pod that does not know the new root keeps it from signing, and is named.
    let waiting = case.at(600).await;
    assert_eq!(waiting.root_hashes(), both);
    assert_eq!(case.told().await, ["early"]);
    case.pods().delete("early", &DeleteParams::default().grace_period(0)).await.unwrap();

    let signing = case.at(601).await;
    assert_eq!(signing.root_hashes(), [both[1].clone(), both[0].clone()]);
    assert_eq!(case.given_out().await, signing.root_hashes());
    let secret = Api::<Secret>::namespaced(case.client.clone(), RELEASE).get("qsl-root").await.unwrap();
    let old = first.root.key().secret_bytes().to_vec();
    assert!(secret.data.unwrap().values().all(|value| value.0 != old), "what signs no more is destroyed");

    // What the first one signed still stands.
    assert_eq!(case.at(900).await.root_hashes().len(), 2);
    case.publish(&signing.root).await;
    let alone = case.at(901).await;
    assert_eq!(alone.root_hashes(), [both[1].clone()]);
    assert_eq!(case.given_out().await, [both[1].clone()]);
    assert_eq!(case.at(2_000).await.root_hashes(), [both[1].clone()], "once asked, once rotated");
}

#[tokio::test]
async fn replicas_that_rotate_at_once_make_one_second_root() {
    let case = Alone::new().await;
    case.at(0).await;
    for (request, minutes) in [("one", 1), ("two", 100)] {
        case.ask(request).await;
        for later in [0, 20, 40] {
            let now = case.start + SignedDuration::from_mins(minutes + later);
            let (here, there) = tokio::join!(case.replica.ensure(now), case.other.ensure(now));
            let (here, there) = (here.unwrap(), there.unwrap());
            // One of them may have looked before the other's step; another look settles it.
            let again = case.other.ensure(now).await.unwrap();
            assert_eq!(case.given_out().await, again.root_hashes());
            for seen in [here, there] {
                assert!(seen.root_hashes().iter().all(|hash| again.root_hashes().contains(hash)) || later == 40);
            }
        }
        assert_eq!(case.given_out().await.len(), 1);
    }
}
