//! Transactions that begin in one message with what comes first in them: a round trip less than a driver's own.

use postgres::Client;

/// A transaction. It is rolled back unless it is committed.
pub(crate) struct Begun<'c> {
    client: &'c mut Client,
    is_open: bool,
}

impl<'c> Begun<'c> {
    /// What the first message in it begins with.
    pub(crate) const START: &'static str = "START TRANSACTION; ";

    /// The one that begins with the next message, which says so.
    pub(crate) fn on(client: &'c mut Client) -> Begun<'c> {
        Begun { client, is_open: true }
    }

    /// The session that it is open in.
    pub(crate) fn client(&mut self) -> &mut Client {
        self.client
    }

    /// What was sent in it has committed it.
    pub(crate) fn has_ended(mut self) {
        self.is_open = false;
    }

    pub(crate) fn commit(mut self) -> Result<(), postgres::Error> {
        self.is_open = false;
        self.client.batch_execute("COMMIT")
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // Where the session is gone, so is its transaction.
            let _ = self.client.batch_execute("ROLLBACK");
        }
    }
}
