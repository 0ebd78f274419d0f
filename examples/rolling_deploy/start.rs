//! How every process of the application starts its service.

use std::time::Duration;

use migrate::{Migrator, Settings};

use crate::builds::Build;

/// For a process of `application` in this release.
pub(crate) fn migrator(application: &str, build: Build) -> Migrator {
    Migrator::new(build.migrations()).instance(build.instance(application)).settings(settings())
}

/// The defaults are for services that live for days; this application is through with everything in a minute.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.beat = Duration::from_millis(500);
    settings.lease = Duration::from_secs(5);
    settings.grace = Duration::from_secs(1);
    settings.poll = Duration::from_millis(100);
    settings.leader_lease = Duration::from_secs(2);
    settings.start_budget = Duration::from_secs(30);
    settings
}
