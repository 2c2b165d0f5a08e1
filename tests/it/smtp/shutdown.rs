//! How it ends.

use std::time::Duration;

use super::{Server, report, stuffed};

#[tokio::test]
async fn running_messages_are_finished_and_others_refused() {
    let server = Server::start(|_| {}).await;
    let wire = stuffed(&report("one", "example.com", 7));
    let (mut idle, mut busy) = (server.client().await, server.client().await);
    idle.expect("EHLO c\r\n", "250-").await;
    idle.expect("MAIL FROM:<>\r\n", "250").await;
    busy.expect("EHLO c\r\n", "250-").await;
    busy.envelope(&[&server.rua()]).await;
    busy.send(&wire[..100]).await;
    server.shutdown.cancel();
    assert_eq!(idle.reply().await, "421 4.3.2 shutting down, try again soon");
    busy.expect(&wire[100..], "250 2.0.0").await;
    assert_eq!(busy.reply().await, "421 4.3.2 shutting down, try again soon");
    drop((idle, busy));
    let address = server.smtp;
    let serving = server.serving;
    serving.await.unwrap();
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert_eq!(server.database.check_sums(server.database.domain.id).await.pass, 7);
}

#[tokio::test]
async fn no_peer_is_awaited_beyond_the_drain_time() {
    let server = Server::start(|options| options.drain_time_max = Duration::from_millis(50)).await;
    let mut busy = server.client().await;
    busy.expect("EHLO c\r\n", "250-").await;
    busy.envelope(&[&server.rua()]).await;
    server.shutdown.cancel();
    assert_eq!(busy.reply().await, "421 4.3.2 shutting down, try again soon");
    drop(busy);
    server.serving.await.unwrap();
}
