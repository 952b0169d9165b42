//! `GET /keys/jwks-pqc`.

use eventing_service::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_set_is_served_plain_for_people_and_signed_for_verifiers() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let plain = get_keys(&router, "?bus=city/trams", &[]).await;
    assert_eq!(plain.headers()["content-type"], "application/json");
    let keys = json_of(plain).await;
    assert_eq!(keys["keys"][0]["kty"], "AKP");
    assert_eq!(json_of(get_keys(&router, "", &[]).await).await, keys);

    let signed = get_keys(&router, "?bus=city/trams", &[("accept", "application/jose")]).await;
    assert_eq!(signed.headers()["content-type"], "application/jose");
    assert_eq!(text(signed).await.split('.').count(), 3);

    assert_eq!(get_keys(&router, "?bus=city/buses", &[]).await.status(), 404);
    assert_eq!(get_keys(&router, "?bus=city", &[]).await.status(), 400);
    assert_eq!(get_keys(&router, "", &[("accept", "application/jose")]).await.status(), 400);
    assert_eq!(get_keys(&router, "?wait=soon", &[]).await.status(), 400);
}

#[tokio::test]
async fn who_holds_the_newest_set_waits_for_the_next() {
    let Rig { router, publish, .. } = rig(sample());
    let jose = ("accept", "application/jose");
    let first = get_keys(&router, "?bus=city/trams", &[jose]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let known = ("if-none-match", tag.as_str());
    assert_eq!(get_keys(&router, "?bus=city/trams", &[jose, known]).await.status(), 304);

    let before = std::time::Instant::now();
    assert_eq!(get_keys(&router, "?bus=city/trams&wait=1", &[jose, known]).await.status(), 304);
    assert!(before.elapsed() >= Duration::from_secs(1));

    let change = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        publish.send_replace(Arc::new(sample()));
    };
    let headers = [jose, known];
    let (changed, ()) = tokio::join!(get_keys(&router, "?bus=city/trams&wait=60", &headers), change);
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"].to_str().unwrap(), tag);
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn the_signed_bytes_are_served_as_the_operator_wrote_them() {
    let mut directory = sample();
    let signed = signed_set(3, vec![]);
    directory.key_sets.insert(trams(), Arc::new(PublishedSet::read(&trams(), &signed).unwrap()));
    let Rig { router, publish: _publish, .. } = rig(directory);
    let served = get_keys(&router, "?bus=city/trams", &[("accept", "text/html, application/jose;q=0.9")]).await;
    assert_eq!(text(served).await, signed);
}

const JOSE: (&str, &str) = ("accept", "application/jose");

async fn tag(router: &Router) -> String {
    let first = get_keys(router, "?bus=city/trams", &[JOSE]).await;
    first.headers()["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_tag_is_known_weak_and_in_a_list() {
    let Rig { router, publish: _publish, .. } = rig(sample());
    let tag = tag(&router).await;
    for known in [format!("W/{tag}"), format!("\"other\", {tag}"), format!("\"other\",W/{tag} , \"more\"")] {
        let answer = get_keys(&router, "?bus=city/trams", &[JOSE, ("if-none-match", &known)]).await;
        assert_eq!(answer.status(), 304, "{known}");
        assert_eq!(text(answer).await, "");
    }
    for other in ["\"other\"", "W/\"other\"", "", &tag[..20]] {
        let answer = get_keys(&router, "?bus=city/trams", &[JOSE, ("if-none-match", other)]).await;
        assert_eq!(answer.status(), 200, "{other}");
    }
}

#[tokio::test]
async fn a_bus_that_appears_is_told_to_those_who_wait_for_it() {
    let Rig { router, publish, .. } = rig(Directory::default());
    assert_eq!(get_keys(&router, "?bus=city/trams", &[JOSE]).await.status(), 404);
    let appear = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        publish.send_replace(Arc::new(sample()));
    };
    let before = std::time::Instant::now();
    let headers = [JOSE];
    let (found, ()) = tokio::join!(get_keys(&router, "?bus=city/trams&wait=60", &headers), appear);
    assert_eq!(found.status(), 200);
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn another_buss_change_wakes_nobody_for_good() {
    let Rig { router, publish, .. } = rig(sample());
    let (tag, start) = (tag(&router).await, (*publish.borrow()).clone());
    let change = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut next = (*start).clone();
            next.buses.clear();
            publish.send_replace(Arc::new(next));
        }
    };
    let before = std::time::Instant::now();
    let headers = [JOSE, ("if-none-match", tag.as_str())];
    let (held, ()) = tokio::join!(get_keys(&router, "?bus=city/trams&wait=1", &headers), change);
    assert_eq!(held.status(), 304);
    assert!(before.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn only_so_many_wait_and_news_is_for_everybody() {
    let Rig { router, publish: _publish, .. } = rig_with(sample(), Places::new(0, 0, 1));
    let tag = tag(&router).await;
    let headers = [JOSE, ("if-none-match", tag.as_str())];
    let held = get_keys(&router, "?bus=city/trams&wait=1", &headers);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let over = refusal(get_keys(&router, "?bus=city/trams&wait=1", &headers).await).await;
        (over, get_keys(&router, "?bus=city/trams", &headers).await, get_keys(&router, "?bus=city/trams", &[]).await)
    };
    let (held, (over, at_once, news)) = tokio::join!(held, second);
    assert_eq!(over, refused(503, "OVERLOADED", true, ""));
    assert_eq!([held.status(), at_once.status(), news.status()], [304, 304, 200]);
    assert_eq!(get_keys(&router, "?bus=city/trams&wait=1", &headers).await.status(), 304, "a place is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_waiting_requests_do_not_delay_the_stop() {
    let Rig { router, publish: _publish, shutdown, registry } = rig(sample());
    let tag = tag(&router).await;
    let server = Server::plain(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = server.address();
    let serving = tokio::spawn(server.serve(router, shutdown.clone()));
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /keys/jwks-pqc?bus=city/trams&wait=60 HTTP/1.1\r\nhost: x\r\naccept: application/jose\r\nif-none-match: {tag}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    while !telling::scrape(&registry).contains("key_set_waiters 100\n") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = std::time::Instant::now();
    shutdown.cancel();
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 304 "), "{answer}");
    }
    serving.await.unwrap().unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    assert!(telling::scrape(&registry).contains("key_set_waiters 0\n"));
}
