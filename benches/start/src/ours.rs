//! This library: on a connection of the caller's, and as a service.

use std::time::Duration;

use migrate::{Instance, Migrations, Migrator, Phase, Service};
use postgres::{Client, NoTls};

use crate::contender::{Contender, Session};

/// `Migrator::run`.
pub struct Run {
    pub name: &'static str,
    pub plans: &'static Migrations,
}

/// `Migrator::start`.
pub struct Start {
    pub name: &'static str,
    pub plans: &'static Migrations,
}

struct Connected {
    client: Client,
    migrator: Migrator,
}

struct Serving {
    url: String,
    plans: &'static Migrations,
    service: Option<Service>,
}

fn migrator(plans: &'static Migrations) -> Migrator {
    Migrator::new(plans).instance(Instance::new("bench", "1.0")).without_waits()
}

impl Contender for Run {
    fn name(&self) -> &'static str {
        self.name
    }

    fn connect(&self, url: &str) -> Box<dyn Session> {
        let client = Client::connect(url, NoTls).expect("a connection");
        Box::new(Connected { client, migrator: migrator(self.plans) })
    }
}

impl Session for Connected {
    fn start(&mut self) {
        let report = self.migrator.run(&mut self.client).expect("a run");
        assert!(report.plans.iter().all(|plan| plan.closed.is_empty()), "{report}");
    }
}

impl Contender for Start {
    fn name(&self) -> &'static str {
        self.name
    }

    /// A service opens its connections itself.
    fn connect(&self, url: &str) -> Box<dyn Session> {
        Box::new(Serving { url: url.to_owned(), plans: self.plans, service: None })
    }
}

impl Session for Serving {
    fn start(&mut self) {
        self.service = Some(migrator(self.plans).start(&self.url).expect("a service"));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.service.take().into_iter().for_each(Service::stop);
    }
}

/// Starts a service and waits until all its plans are at their ends.
pub fn finish_with_a_service(plans: &'static Migrations, url: &str) -> Service {
    let service = migrator(plans).start(url).expect("a service");
    service.wait(Phase::Contract, Duration::from_secs(60)).expect("the ends of all plans");
    service
}
