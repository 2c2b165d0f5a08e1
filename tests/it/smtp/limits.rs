//! What a peer cannot do.

use std::time::Duration;

use futures_util::future::select;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tallymark::listeners::smtp::ConnectionLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Client, Server, report, stuffed};

#[tokio::test]
async fn a_message_may_be_so_large_and_no_larger() {
    let server = Server::start(|options| options.settings.message_bytes_max = 100_000).await;
    let mut client = server.client().await;
    let hello = client.say("EHLO c\r\n").await;
    assert!(hello.contains("250-SIZE 100000\r\n"), "{hello}");
    client.expect("MAIL FROM:<> SIZE=100001\r\n", "552 5.3.4").await;
    let line = b"0123456789\r\n";
    let fits = [&line.repeat(8_333)[..], b"12\r\n"].concat();
    assert_eq!(fits.len(), 100_000);
    let reply = client.mail(&["postmaster"], &fits).await;
    assert!(reply.starts_with("250"), "{reply}");
    let reply = client.mail(&["postmaster"], &[&fits[..], b"\r\n"].concat()).await;
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    assert_eq!(server.set_aside().await.len(), 1);
}

#[tokio::test]
async fn connections_are_counted() {
    let server = Server::start(|options| {
        options.connections = ConnectionLimits {
            total_max: 100,
            per_address_max: 2,
            per_network_max: 150,
        };
    })
    .await;
    let (one, two) = (server.client().await, server.client().await);
    let refused = Client::connect_silently(server.smtp).await.rest().await;
    assert_eq!(refused, "421 4.7.0 too many connections, try again later\r\n");
    drop(two);
    drop(one);
    // A closed connection is noticed in its own time.
    for _ in 0..100 {
        if Client::connect_silently(server.smtp)
            .await
            .reply()
            .await
            .starts_with("220")
        {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("closed connections are still counted");
}

#[tokio::test]
async fn a_silent_peer_gets_a_timeout_reply() {
    let server = Server::start(|options| options.settings.command_time_max = Duration::from_millis(50)).await;
    assert_eq!(server.client().await.rest().await, "421 4.4.2 time is up\r\n");
}

#[tokio::test]
async fn too_little_memory_or_disk_is_a_matter_of_time() {
    let server = Server::start(|options| options.budget.free_disk_bytes_min = u64::MAX).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    client.expect("MAIL FROM:<>\r\n", "452 4.3.1").await;

    let server = Server::start(|options| {
        options.settings.message_bytes_max = 100_000;
        options.budget.in_flight_bytes_max = 200_000;
        options.budget.wait_max = Duration::from_millis(10);
    })
    .await;
    let rua = server.rua();
    let body = report("one", "example.com", 1);
    let filler = [&body[..], &b"x\r\n".repeat(32_000)].concat();
    let mut holders = Vec::new();
    for _ in 0..3 {
        let mut holder = server.client().await;
        holder.expect("EHLO c\r\n", "250-").await;
        holder.envelope(&[&rua]).await;
        // Of two of them the bytes and the buffers fit into what slow senders have; those of the third go to the disk.
        holder.send(&filler[..20_000]).await;
        holders.push(holder);
    }
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    // Slow senders have a third of the memory: a whole message finds enough, but two large ones do not.
    let whole = &filler[..body.len() + 57_000];
    assert!(client.mail(&[&rua], whole).await.starts_with("250"));
    let both = [&*rua, "postmaster"];
    let mut other = server.client().await;
    other.expect("EHLO c\r\n", "250-").await;
    // The first of them keeps its memory while the database takes nothing: once, though it is for two recipients.
    let mut writer = write_lock(&server).await;
    let (one, two) = (client.mail(&both, &filler), other.mail(&both, &filler));
    let (refused, kept) = select(Box::pin(one), Box::pin(two)).await.factor_first();
    assert!(refused.starts_with("452 4.3.1"), "{refused}");
    sqlx::query("rollback").execute(&mut writer).await.unwrap();
    let kept = kept.await;
    assert!(kept.starts_with("250"), "{kept}");
    drop(holders);
    // Their memory is free again when their end is noticed.
    while !client.mail(&both, &filler).await.starts_with("250") {}
    assert_eq!(server.arrivals().await.0, 1);
}

/// Keeps the program from writing until it is rolled back.
async fn write_lock(server: &Server) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new().filename(server.database.path());
    let mut conn = options.connect().await.unwrap();
    sqlx::query("begin immediate").execute(&mut conn).await.unwrap();
    conn
}

#[tokio::test]
async fn loops_are_cut() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let hops = |count| [&b"Received: from a by b\r\n".repeat(count)[..], b"\r\n"].concat();
    assert!(client.mail(&["postmaster"], &hops(99)).await.starts_with("250"));
    assert!(client.mail(&["postmaster"], &hops(100)).await.starts_with("554 5.4.6"));
}

#[tokio::test]
async fn a_load_balancer_speaks_for_its_clients() {
    let server = Server::start(|options| {
        options.proxy_networks = vec!["127.0.0.0/8".parse().unwrap()];
        options.proxy_time_max = Duration::from_millis(200);
    })
    .await;
    let mut client = Client::connect_silently(server.smtp).await;
    assert!(
        client
            .say("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n")
            .await
            .starts_with("220")
    );
    client.expect("EHLO c\r\n", "250-").await;
    assert!(
        client
            .mail(&["postmaster"], b"Subject: a\r\n\r\n")
            .await
            .starts_with("250")
    );
    let (message, _) = server.set_aside().await.pop().unwrap();
    assert!(message.origin.starts_with("192.0.2.7:4711 "), "{}", message.origin);
    // Behind the header the client must wait as ever; without one no command is read.
    let mut client = Client::connect_silently(server.smtp).await;
    let reply = client
        .say("PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\nEHLO c\r\n")
        .await;
    assert!(reply.starts_with("554 5.5.0"), "{reply}");
    let mut client = Client::connect_silently(server.smtp).await;
    assert_eq!(client.say("EHLO c\r\n").await, "");
    assert_eq!(Client::connect_silently(server.smtp).await.rest().await, "");
    assert!(server.metric(r#"tallymark_smtp_refused_total{reason="proxy"} 2"#));
}

#[tokio::test]
async fn poison_harms_no_other_session() {
    let server = Server::start(|_| {}).await;
    let rua = server.rua();
    let mut good = server.client().await;
    good.expect("EHLO c\r\n", "250-").await;
    for (nth, poison) in (1..).zip([
        &b"\0\xff\xfe"[..],
        &[b'A'; 100_000],
        b"EHLO \xff\r\n",
        b"\r\n\r\n\r\n",
        b"MAIL FROM:<>\r\n\r\n.\r\n",
    ]) {
        let mut bad = tokio::net::TcpStream::connect(server.smtp).await.unwrap();
        bad.write_all(poison).await.unwrap();
        bad.shutdown().await.unwrap();
        let _ = bad.read_to_end(&mut Vec::new()).await;
        let reply = good.mail(&[&rua], &report(&nth.to_string(), "example.com", nth)).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    // Gone in the middle of a message: nothing of it is kept.
    let mut gone = server.client().await;
    gone.expect("EHLO c\r\n", "250-").await;
    gone.envelope(&[&rua]).await;
    gone.send(&stuffed(&report("half", "example.com", 1))[..200]).await;
    drop(gone);
    good.expect("QUIT\r\n", "221").await;
    assert_eq!(server.totals().await.pass, 15);
}
