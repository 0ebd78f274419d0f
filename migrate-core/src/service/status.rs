//! What a service knows of itself and its plans.

use std::fmt;
use std::time::Duration;

use migrate_plan::{Side, Stage};

use crate::report::Position;

/// Where everything is, as the database was last heard of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// The name that the sessions of this instance carry; none before it is on the list.
    pub instance: Option<String>,
    /// Whether this instance does steps just now.
    pub is_leading: bool,
    /// Whether the database has not been reached for so long that others may soon take this instance for dead.
    pub is_fenced: bool,
    /// How long the database has not been heard of.
    pub silent: Duration,
    /// The plans of the build, in their order.
    pub plans: Vec<PlanStatus>,
    /// What the step waits for that is being done, here or in another instance.
    pub waiting: Option<String>,
    /// What went wrong last, here or in the instance that leads, and was not put right since.
    pub trouble: Option<String>,
}

/// Where a plan is, as the database was last heard of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanStatus {
    /// The plan.
    pub name: String,
    /// What the build declares to be ready for.
    pub stage: Stage,
    /// Where it is.
    pub position: Position,
    /// The side to use.
    pub side: Side,
    /// Whether it has come far enough for the build.
    pub is_served: bool,
    /// What kept it from going on when it was last looked at.
    pub waits_for: Vec<String>,
}

impl fmt::Display for ServiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.instance.as_deref().unwrap_or("not registered");
        let leads = if self.is_leading { ", doing steps" } else { "" };
        let fenced = if self.is_fenced { ", fenced: the database does not answer" } else { "" };
        writeln!(f, "{name}{leads}{fenced}")?;
        for plan in &self.plans {
            writeln!(f, "{}: {}, side {}, build at stage {}", plan.name, plan.position, plan.side, plan.stage)?;
            for why in &plan.waits_for {
                writeln!(f, "    closed  {why}")?;
            }
        }
        if let Some(waiting) = &self.waiting {
            writeln!(f, "waiting for {waiting}")?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "trouble: {trouble}")?;
        }
        Ok(())
    }
}
