//! Waiting for mail: in IDLE, or by asking from time to time.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::{Answer, COMMAND_TIME_MAX, Client, ClientError, LITERAL_BYTES_MAX, Status, within};

impl Client {
    /// Waits until there is new mail, for `time`, or until told to stop; returns whether there is. Uses IDLE (RFC 2177)
    /// where there is one; a server that offers it and will not have it is asked at the end of the time.
    pub async fn wait(&mut self, time: Duration, stop: &CancellationToken) -> Result<bool, ClientError> {
        if self.has_news {
            return Ok(true);
        }
        let mut deadline = Box::pin(tokio::time::sleep(time));
        if self.can("IDLE") {
            if self.idle(deadline.as_mut(), stop).await? {
                return Ok(self.has_news);
            }
            tracing::debug!("the server offers IDLE but does not perform it: the mailbox is polled");
            self.capabilities.retain(|known| !known.eq_ignore_ascii_case("IDLE"));
        }
        if !self.has_news {
            tokio::select! {
                () = deadline => {}
                () = stop.cancelled() => {}
            }
        }
        self.ask("NOOP").await?;
        Ok(self.has_news)
    }

    /// Waits in IDLE; false if the server refuses it, or ends it by itself: done again at once, that could go round and
    /// round.
    async fn idle(&mut self, mut deadline: Pin<&mut Sleep>, stop: &CancellationToken) -> Result<bool, ClientError> {
        let tag = self.tag();
        self.wire.send(&format!("{tag} IDLE\r\n")).await?;
        loop {
            match within(COMMAND_TIME_MAX, self.answer(LITERAL_BYTES_MAX)).await? {
                Answer::Continue(_) => break,
                Answer::Status { tag: of, .. } if of == tag => return Ok(false),
                _ => {}
            }
        }
        while !self.has_news {
            // Nothing of an answer is taken while this may be dropped.
            tokio::select! {
                ready = self.wire.is_ready() => ready?,
                () = &mut deadline => break,
                () = stop.cancelled() => break,
            }
            match within(COMMAND_TIME_MAX, self.answer(LITERAL_BYTES_MAX)).await? {
                Answer::Status { tag: of, .. } if of == tag => return Ok(false),
                Answer::Status {
                    status: Status::Bye,
                    text,
                    ..
                } => return Err(ClientError::Bye(text)),
                _ => {}
            }
        }
        self.wire.send("DONE\r\n").await?;
        self.until_done(&tag, COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut |_| Ok(()))
            .await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::client;
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_news_and_not_with_chatter() {
        let stop = CancellationToken::new();
        let said = "+ idling\r\n* OK still here\r\n* 3 EXISTS\r\nt1 OK x\r\n";
        assert!(client(said).wait(Duration::from_secs(60), &stop).await.unwrap());
        let gone = "+ idling\r\n* BYE x\r\n";
        assert!(client(gone).wait(Duration::from_secs(60), &stop).await.is_err());
    }

    #[tokio::test]
    async fn a_server_that_refuses_idle_is_asked_from_time_to_time() {
        let stop = CancellationToken::new();
        for idle in ["t1 NO x\r\n", "t1 BAD\r\n", "t1 OK x\r\n", "+ idling\r\nt1 NO x\r\n"] {
            let said = format!("{idle}t2 OK x\r\n* 3 EXISTS\r\nt3 OK x\r\n");
            let mut client = client(Box::leak(said.into_boxed_str()));
            for expect in [false, true] {
                let news = client.wait(Duration::from_millis(1), &stop).await;
                assert!(matches!(news, Ok(news) if news == expect), "{idle}: {news:?}");
            }
        }
    }
}
