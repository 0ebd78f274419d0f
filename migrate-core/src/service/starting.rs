//! A start that is being waited for in async code.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Service;
use crate::error::Error;

/// A service that is starting: what [`Migrator::start_async`](crate::Migrator::start_async) gives.
#[derive(Debug)]
#[must_use = "a service that nobody waits for is stopped at once"]
pub struct Starting {
    service: Option<Result<Service, Error>>,
}

impl Starting {
    pub(super) fn new(service: Result<Service, Error>) -> Starting {
        Starting { service: Some(service) }
    }
}

impl Future for Starting {
    type Output = Result<Service, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(Ok(service)) = &self.service else {
            // Polled again after it was ready: there is nothing more to come.
            return self.service.take().map_or(Poll::Pending, Poll::Ready);
        };
        // First, so that no change falls between the look and the wait.
        service.shared.wake(context.waker());
        match service.shared.outcome() {
            None => Poll::Pending,
            Some(Ok(())) => self.service.take().map_or(Poll::Pending, Poll::Ready),
            Some(Err(error)) => {
                self.service = None;
                Poll::Ready(Err(error))
            }
        }
    }
}
