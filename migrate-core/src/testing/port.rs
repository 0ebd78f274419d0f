//! A port for a server that listens on TCP.

use std::net::{Ipv4Addr, TcpListener};

use super::error::ScratchError;

/// Where it listens: nobody else on the network sees it.
pub(super) const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A port that nobody has now. The system hands others out first, so it stays free for a while.
pub(super) fn free() -> Result<u16, ScratchError> {
    let listener = TcpListener::bind((LOOPBACK, 0)).and_then(|listener| listener.local_addr());
    let run_error = |source| ScratchError::Run { program: "a server on 127.0.0.1".to_owned(), source };
    listener.map(|address| address.port()).map_err(run_error)
}
